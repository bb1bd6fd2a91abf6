/**
 * Deliberate defects, each a promise of a part broken: what a mistake in the store, the queue, a catalog or the database would do to the
 * pipeline above it. A simulation that does not notice them proves nothing.
 */
import type { ObjectInfo, ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Defect } from './world.ts'

export interface NamedDefect {
  readonly name: string
  /** Seeds from 1 on within which a world must break. */
  readonly within: number
  readonly defect: Defect
}

export const DEFECTS: readonly NamedDefect[] = [
  {
    name: 'a commit that does not ask whose claim it is',
    within: 100,
    defect: {
      metadata: (store, { db, nowMs }) => {
        const take = db.prepare(
          `update convert_task set state = 'claimed', claim_token = ?, lease_until_ms = ? where task_id = ? and state in ('queued', 'claimed')`,
        )
        return {
          ...store,
          commitTask(commit) {
            take.run(commit.claim.token, nowMs() + 1_000, commit.claim.taskId)
            return store.commitTask(commit)
          },
        }
      },
    },
  },
  {
    name: 'a commit that shows files ahead of the watermark',
    within: 50,
    defect: {
      metadata: (store, { db }) => {
        const show = db.prepare(
          `update data_file set added_version = (select version from iceberg_table t where t.table_id = data_file.table_id)
           where added_version is null`,
        )
        return {
          ...store,
          async commitTask(commit) {
            const outcome = await store.commitTask(commit)
            show.run()
            return outcome
          },
        }
      },
    },
  },
  {
    name: 'a sweep that puts nothing back',
    within: 50,
    defect: {
      metadata: store => ({ ...store, listRunnableTasks: async () => [], listLostTasks: async () => [] }),
    },
  },
  {
    name: 'a publisher that does not look for what it began',
    within: 100,
    defect: {
      metadata: store => ({
        ...store,
        async loadPublication(...args) {
          const { intent: _, ...publication } = await store.loadPublication(...args)
          return publication
        },
      }),
    },
  },
  {
    name: 'a store that overwrites what must be new',
    within: 100,
    defect: { store: store => withStore(store, { put: (key, body) => store.put(key, body) }) },
  },
  {
    name: 'a store that forgets what it acknowledged, now and then',
    within: 50,
    defect: {
      store: store => {
        let puts = 0
        return withStore(store, {
          put: async (key, body, options) =>
            ++puts % 40 === 0
              ? { kind: 'written', etag: 'kept-nowhere' }
              : await store.put(key, body, options),
        })
      },
    },
  },
  {
    name: 'a segment that counts without its index',
    within: 50,
    defect: { store: store => withStore(store, { list: options => withIndexes(store.list(options)) }) },
  },
  {
    name: 'retention that purges dead letters too early',
    within: 100,
    defect: {
      metadata: store => ({
        ...store,
        purgeDeadLetters: (tableId, purge) =>
          store.purgeDeadLetters(tableId, { ...purge, committedBeforeMs: Number.MAX_SAFE_INTEGER }),
      }),
    },
  },
]

function withStore(store: ObjectStore, changed: Partial<ObjectStore>): ObjectStore {
  return {
    url: store.url,
    list: options => store.list(options),
    listFolders: prefix => store.listFolders(prefix),
    head: key => store.head(key),
    get: (key, options) => store.get(key, options),
    put: (key, body, options) => store.put(key, body, options),
    delete: key => store.delete(key),
    close: () => store.close(),
    ...changed,
  }
}

async function* withIndexes(objects: AsyncIterable<ObjectInfo>): AsyncIterable<ObjectInfo> {
  for await (const object of objects) {
    if (object.key.endsWith('.kfs')) yield { ...object, key: object.key.replace(/kfs$/, 'index') }
    yield object
  }
}
