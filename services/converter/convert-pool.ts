/**
 * Worker threads that convert. A thread that dies (out of memory, a crash in native code) or does not come to an end fails only the
 * task that it had; the next request gets a new thread.
 */
import { Worker } from 'node:worker_threads'
import type { TaskResult } from '../../shared/flow.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import { siblingModule } from '../../shared/runtime/module-url.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import type { ConvertReply, ConvertRequest, ThreadStores } from './convert-request.ts'

/** JavaScript heap of one thread, in MB; column buffers and WebAssembly lie outside it. */
const THREAD_HEAP_MB = 512
/** Of it for young objects. V8 would take 100 MB more for them over a long backlog, and records make next to none. */
const THREAD_YOUNG_HEAP_MB = 48
/** A conversion takes seconds; one that takes this long hangs, and its thread is ended. */
export const MAX_CONVERSION_MS = 30 * 60_000

export interface ConvertPool {
  /** At most `size` at once; callers keep to it. */
  convert(request: ConvertRequest): Promise<TaskResult>
  close(): Promise<void>
}

export function openConvertPool(
  size: number,
  stores: ThreadStores,
  runtime: Pick<Runtime, 'sleep'> = systemRuntime,
): ConvertPool {
  const idle: Worker[] = []
  const busy = new Set<Worker>()

  function start(): Worker {
    invariant(busy.size + idle.length < size, `more than ${size} conversion threads`)
    const worker = new Worker(siblingModule(import.meta.url, './convert-thread'), {
      workerData: stores,
      resourceLimits: {
        maxOldGenerationSizeMb: THREAD_HEAP_MB,
        maxYoungGenerationSizeMb: THREAD_YOUNG_HEAP_MB,
      },
    })
    // Whoever waits for an answer hears of the failure too; without a listener here, one in between would end the process.
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      busy.delete(worker)
      const place = idle.indexOf(worker)
      if (place >= 0) idle.splice(place, 1)
    })
    return worker
  }

  return {
    async convert(request) {
      const worker = idle.pop() ?? start()
      busy.add(worker)
      const answered = new AbortController()
      void runtime.sleep(MAX_CONVERSION_MS, answered.signal).then(() => {
        if (!answered.signal.aborted) void worker.terminate()
      })
      let reply: ConvertReply
      try {
        reply = await ask(worker, request)
      } catch (error) {
        // Its place is free at once: the thread itself may take a while to end.
        await worker.terminate()
        throw error
      } finally {
        answered.abort()
        busy.delete(worker)
      }
      idle.push(worker)
      if (reply.kind === 'converted') return reply.result
      throw new AppError(reply)
    },
    async close() {
      await Promise.all([...idle, ...busy].map(worker => worker.terminate()))
    },
  }
}

/** Rejects when the thread ends before it answers. */
function ask(worker: Worker, request: ConvertRequest): Promise<ConvertReply> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      worker.off('message', onMessage)
      worker.off('error', onError)
      worker.off('exit', onExit)
      then()
    }
    const onMessage = (reply: ConvertReply) => settle(() => resolve(reply))
    const onError = (error: unknown) => settle(() => reject(crashed(request, error)))
    const onExit = () => settle(() => reject(crashed(request, undefined)))
    worker.on('message', onMessage)
    worker.on('error', onError)
    worker.on('exit', onExit)
    worker.postMessage(request)
  })
}

function crashed(request: ConvertRequest, cause: unknown): AppError {
  const why = cause instanceof Error ? `: ${cause.stack ?? cause.message}` : ''
  return new AppError({
    code: 'unexpected-failure',
    next: 'retry',
    message: `The conversion thread of task ${request.task.taskId} crashed or came to no end, and was ended in the middle of it${why}`,
    cause,
  })
}
