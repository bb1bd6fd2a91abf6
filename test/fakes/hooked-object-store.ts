import type { ObjectStore } from '../../shared/object-store/object-store.ts'

export type StoreOperation = 'list' | 'listFolders' | 'head' | 'get' | 'put' | 'delete'
type Hook = (operation: StoreOperation, key: string) => void | Promise<void>

export interface HookedObjectStore extends ObjectStore {
  /** Runs before each operation; what it throws, the operation throws, and nothing has happened. */
  before: Hook | undefined
  /** Runs after each operation that succeeded; what it throws stands for an answer that never came. */
  after: Hook | undefined
}

/** A store whose operations tests can fail, delay or watch, before they happen or after. */
export function hookedObjectStore(inner: ObjectStore): HookedObjectStore {
  async function hooked<T>(operation: StoreOperation, key: string, run: () => Promise<T>): Promise<T> {
    await store.before?.(operation, key)
    const result = await run()
    await store.after?.(operation, key)
    return result
  }
  const store: HookedObjectStore = {
    url: inner.url,
    before: undefined,
    after: undefined,
    async *list(options) {
      await store.before?.('list', options.prefix)
      yield* inner.list(options)
      await store.after?.('list', options.prefix)
    },
    listFolders: prefix => hooked('listFolders', prefix, () => inner.listFolders(prefix)),
    head: key => hooked('head', key, () => inner.head(key)),
    get: (key, options) => hooked('get', key, () => inner.get(key, options)),
    put: (key, body, options) => hooked('put', key, () => inner.put(key, body, options)),
    delete: key => hooked('delete', key, () => inner.delete(key)),
    close: () => inner.close(),
  }
  return store
}
