/**
 * Worker threads that convert. A thread that dies (out of memory, a crash in native code) fails only the task that it had; the next
 * request gets a new thread.
 */
import { Worker } from 'node:worker_threads'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import { siblingModule } from '../../shared/runtime/module-url.ts'
import type { ConvertReply, ConvertRequest, ThreadStores } from './convert-request.ts'
import type { ConvertedTask } from './run-task.ts'

/** JavaScript heap of one thread, in MB; column buffers and WebAssembly lie outside it. */
const THREAD_HEAP_MB = 512

export interface ConvertPool {
  /** At most `size` at once; callers keep to it. */
  convert(request: ConvertRequest): Promise<ConvertedTask>
  close(): Promise<void>
}

export function openConvertPool(size: number, stores: ThreadStores): ConvertPool {
  const idle: Worker[] = []
  const busy = new Set<Worker>()

  function thread(): Worker {
    const waiting = idle.pop()
    if (waiting !== undefined) return waiting
    invariant(busy.size < size, `more than ${size} conversions at once`)
    return new Worker(siblingModule(import.meta.url, './convert-thread'), {
      workerData: stores,
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
    })
  }

  return {
    convert(request) {
      const worker = thread()
      busy.add(worker)
      return new Promise((resolve, reject) => {
        const release = (reusable: boolean) => {
          worker.removeAllListeners()
          busy.delete(worker)
          if (reusable) idle.push(worker)
        }
        worker.once('message', (reply: ConvertReply) => {
          release(true)
          if (reply.kind === 'converted') resolve(reply.result)
          else reject(new AppError(reply))
        })
        worker.once('error', error => {
          release(false)
          reject(crashed(request, error))
        })
        worker.once('exit', () => {
          release(false)
          reject(crashed(request, undefined))
        })
        worker.postMessage(request)
      })
    },
    async close() {
      await Promise.all([...idle, ...busy].map(worker => worker.terminate()))
      idle.length = 0
    },
  }
}

function crashed(request: ConvertRequest, cause: unknown): AppError {
  const why = cause instanceof Error ? `: ${cause.stack ?? cause.message}` : ''
  return new AppError({
    code: 'unexpected-failure',
    next: 'retry',
    message: `The conversion thread of task ${request.task.taskId} ended in the middle of it${why}`,
    cause,
  })
}
