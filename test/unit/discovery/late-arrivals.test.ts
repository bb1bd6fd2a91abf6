import { expect, test } from 'vitest'
import { discoverPartition } from '../../../services/discovery/discover-partition.ts'
import type { ListOptions, ObjectStore } from '../../../shared/object-store/object-store.ts'
import { indexObjectKey } from '../../../shared/segment/segment-key.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'
import { TOPIC } from '../../fakes/pipeline-fixture.ts'

const SETTLE_MS = 1000
let nowMs = 0

/** Segments at 0, 10 and 20; the index of the second one is taken away, and `landMeanwhile` runs when the listing has passed its place. */
async function discoverWhile(
  landMeanwhile: (store: MemoryObjectStore, index: Uint8Array) => Promise<unknown>,
) {
  nowMs = 0
  const store = new MemoryObjectStore({ nowMs: () => nowMs })
  for (const base of [0, 10, 20]) await land(store, ids(base, 10), { base })
  const key = indexObjectKey({ topic: TOPIC, partition: 0, baseOffset: 10n })
  const index = await store.get(key)
  await store.delete(key)
  nowMs = 10 * SETTLE_MS
  const listing: ObjectStore = {
    url: store.url,
    async *list(options: ListOptions) {
      for await (const object of store.list(options)) {
        if (object.key.endsWith('20.index')) await landMeanwhile(store, index)
        yield object
      }
    },
    listFolders: prefix => store.listFolders(prefix),
    head: wanted => store.head(wanted),
    get: (wanted, options) => store.get(wanted, options),
    put: (wanted, body, options) => store.put(wanted, body, options),
    delete: wanted => store.delete(wanted),
    close: () => store.close(),
  }
  return discoverPartition({
    store: listing,
    topic: TOPIC,
    partition: 0,
    cursor: { plannedOffset: 0n },
    nowMs,
    settleMs: SETTLE_MS,
  })
}

test('an index that landed behind the lister’s back is not given up: its segment waits for the next listing', async () => {
  const found = await discoverWhile((store, index) =>
    store.put(indexObjectKey({ topic: TOPIC, partition: 0, baseOffset: 10n }), index),
  )
  expect(found.following).toMatchObject({ kind: 'segments', segments: [{ baseOffset: 0n }] })
  expect(found).toMatchObject({
    endOffset: 10n,
    abandoned: [],
    waiting: { baseOffset: 10n, landedAtMs: nowMs },
  })
})

test('a segment whose index never came is given up once it is old and has a successor', async () => {
  const found = await discoverWhile(async () => {})
  expect(found.following).toMatchObject({ segments: [{ baseOffset: 0n }, { baseOffset: 20n }] })
  expect(found).toMatchObject({ endOffset: 30n, abandoned: [10n] })
})
