/** The ports as a simulated process sees them: every call goes the way of `SimulatedProcess.call`. */
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'
import type { ListOptions, ObjectInfo, ObjectStore } from '../../shared/object-store/object-store.ts'
import type { TaskQueue } from '../../shared/queue/task-queue.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** A listing is not a moment in time: each page of `pageSize` objects is a call of its own. */
export function faultyObjectStore(
  store: ObjectStore,
  process: SimulatedProcess,
  { name, pageSize }: { readonly name: string; readonly pageSize: number },
): ObjectStore {
  async function* list(options: ListOptions): AsyncIterable<ObjectInfo> {
    let { startAfter, limit = Number.POSITIVE_INFINITY } = options
    while (limit > 0) {
      const size = Math.min(pageSize, limit)
      const from = startAfter === undefined ? {} : { startAfter }
      const page = await process.call(`${name}.list`, () =>
        collect(store.list({ prefix: options.prefix, ...from, limit: size })),
      )
      yield* page
      if (page.length < size) return
      startAfter = page.at(-1)?.key
      limit -= page.length
    }
  }
  return {
    url: store.url,
    list,
    listFolders: prefix => process.call(`${name}.listFolders`, () => store.listFolders(prefix)),
    head: key => process.call(`${name}.head ${key}`, () => store.head(key)),
    get: (key, options) => process.call(`${name}.get ${key}`, () => store.get(key, options)),
    put: (key, body, options) => process.call(`${name}.put ${key}`, () => store.put(key, body, options)),
    delete: key => process.call(`${name}.delete ${key}`, () => store.delete(key)),
    close: async () => {},
  }
}

async function collect(objects: AsyncIterable<ObjectInfo>): Promise<readonly ObjectInfo[]> {
  const collected: ObjectInfo[] = []
  for await (const object of objects) collected.push(object)
  return collected
}

/** Every method of the store, whatever its name. */
export function faultyMetadata(store: MetadataStore, process: SimulatedProcess): MetadataStore {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: readonly unknown[]) =>
        process.call(`metadata.${String(name)}`, async () => await Reflect.apply(member, target, args))
    },
  })
}

export interface QueueFaults {
  /** Chance that an id is forgotten though the queue said that it took it. */
  readonly lose: number
  /** Chance that an id is handed out once more, later. */
  readonly duplicate: number
}

const MAX_DUPLICATE_DELAY_MS = 20_000

export function faultyQueue(
  queue: TaskQueue,
  process: SimulatedProcess,
  { lose, duplicate }: QueueFaults,
): TaskQueue {
  const { random, runtime } = process
  return {
    enqueue: taskIds =>
      process.call('queue.enqueue', async () => {
        const kept = taskIds.filter(() => !random.chance(lose))
        for (const taskId of kept.filter(() => random.chance(duplicate))) {
          const again = runtime.sleep(random.span(0, MAX_DUPLICATE_DELAY_MS))
          again.then(() => queue.enqueue([taskId]))
        }
        const taken = new Set(await queue.enqueue(kept))
        return taskIds.filter(taskId => taken.has(taskId) || !kept.includes(taskId))
      }),
    // What waits for an id on behalf of a dead process would swallow it.
    take: signal => process.call('queue.take', () => queue.take(AbortSignal.any([signal, process.death]))),
    size: () => process.call('queue.size', () => queue.size()),
    close: async () => {},
  }
}
