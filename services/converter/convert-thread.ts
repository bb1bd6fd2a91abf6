/** A conversion thread: takes one request at a time and answers it. It holds no state that a crash could lose. */
import { parentPort, workerData } from 'node:worker_threads'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../shared/object-store/open-object-store.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import type { ConvertReply, ConvertRequest, StoreToOpen, ThreadStores } from './convert-request.ts'
import { createConverter } from './converter.ts'

// The parent is the only one who starts this file, with exactly this data.
const stores = workerData as ThreadStores
const open = ({ url, options }: StoreToOpen) => openObjectStore(url, { ...options, runtime: systemRuntime })
const sources = new Map<string, ObjectStore>()

const convert = createConverter({
  openSource(name) {
    const known = sources.get(name)
    if (known !== undefined) return known
    const toOpen = stores.sources[name]
    invariant(toOpen !== undefined, `a task names the source ${name}, which the configuration does not have`)
    const opened = open(toOpen)
    sources.set(name, opened)
    return opened
  },
  warehouse: open(stores.warehouse),
  runtime: systemRuntime,
})

parentPort?.on('message', (request: ConvertRequest) => {
  void answer(request).then(reply => parentPort?.postMessage(reply))
})

async function answer(request: ConvertRequest): Promise<ConvertReply> {
  try {
    return { kind: 'converted', result: await convert(request) }
  } catch (error) {
    // A defect keeps its stack in the message: it is all that the main thread gets to see.
    if (!(error instanceof AppError)) throw error
    const { code, next, message, details } = error
    return { kind: 'failed', code, next, message, details }
  }
}
