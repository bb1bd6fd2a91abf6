import { describe, expect, test } from 'vitest'
import { readLogEnd } from '../../../services/discovery/log-end.ts'
import { landTopic } from '../../../services/landing/land.ts'
import { segmentObjectKey } from '../../../shared/segment/segment-key.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'
import { createSeededRuntime } from '../../fakes/seeded-runtime.ts'

async function storeWith(records: number): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore()
  async function* input() {
    yield Buffer.from('{}\n'.repeat(records))
  }
  await landTopic({
    store,
    topic: 'orders',
    partitions: 1,
    codec: 'none',
    input: input(),
    runtime: createSeededRuntime(1),
  })
  return store
}

describe('readLogEnd', () => {
  test('is the offset after the last record', async () => {
    expect(await readLogEnd(await storeWith(25), 'orders', 0)).toBe(25n)
  })

  test('is 0 for an empty folder', async () => {
    expect(await readLogEnd(new MemoryObjectStore(), 'orders', 0)).toBe(0n)
  })

  test('is unknown when the last segment is damaged', async () => {
    const store = await storeWith(25)
    await store.put(
      segmentObjectKey({ topic: 'orders', partition: 0, baseOffset: 25n }),
      Buffer.from('no segment'),
    )
    expect(await readLogEnd(store, 'orders', 0)).toBeUndefined()
  })
})
