import { describe, expect, test } from 'vitest'
import { describeMissingTopic } from '../../../services/discovery/missing-topic.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'

async function storeWith(...keys: readonly string[]): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore({ url: 'memory://lake' })
  for (const key of keys) await store.put(key, Buffer.from('x'))
  return store
}

describe('describeMissingTopic', () => {
  test('has nothing to say of a topic with a partition', async () => {
    expect(
      await describeMissingTopic(await storeWith('orders/0/segment-1.kfs'), 'local', 'orders'),
    ).toBeUndefined()
  })

  test('an empty place is perhaps the wrong one', async () => {
    expect(await describeMissingTopic(await storeWith(), 'local', 'orders')).toContain(
      'nothing below that URL',
    )
  })

  test('suggests a topic with nearly that name', async () => {
    expect(await describeMissingTopic(await storeWith('orders/0/x', 'visits/0/x'), 'local', 'ordrs')).toBe(
      'source local (memory://lake) has no topic ordrs yet; did you mean orders?',
    )
  })

  test('else lists what is there, up to a limit', async () => {
    const many = await storeWith(
      ...Array.from({ length: 25 }, (_, i) => `t${String(i).padStart(2, '0')}/0/x`),
    )
    expect(await describeMissingTopic(many, 'local', 'orders')).toMatch(/it has t00, t01, .*t19, and 5 more$/)
  })
})
