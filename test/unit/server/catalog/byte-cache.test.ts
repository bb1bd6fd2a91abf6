import { expect, it } from 'vitest'
import { createByteCache } from '../../../../services/server/catalog/byte-cache.ts'

/** Counts what is made; each key's bytes are as many as the number in it. */
function counted(maxBytes: number) {
  const made: string[] = []
  const cache = createByteCache(maxBytes)
  const ask = (key: string) =>
    cache.get(key, async () => {
      made.push(key)
      return Buffer.alloc(Number(/\d+$/.exec(key)?.[0] ?? 0))
    })
  return { ask, made, cache }
}

it('makes what is asked for many times at once a single time', async () => {
  const { ask, made } = counted(100)
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask('a10')))
  expect(new Set(answers).size).toBe(1)
  await ask('a10')
  expect(made).toEqual(['a10'])
})

it('gives up what was not used for the longest time, by bytes', async () => {
  const { ask, made } = counted(100)
  for (const key of ['a40', 'b40', 'a40', 'c40', 'a40', 'b40']) await ask(key)
  expect(made).toEqual(['a40', 'b40', 'c40', 'b40'])
})

it('keeps nothing that is larger than all it may hold, and goes on holding the rest', async () => {
  const { ask, made } = counted(100)
  for (const key of ['a40', 'b101', 'b101', 'a40']) await ask(key)
  expect(made).toEqual(['a40', 'b101', 'b101'])
})

it('tells all who wait of a failure, and tries again for the next', async () => {
  const { ask, cache } = counted(100)
  const fail = () => cache.get('a1', () => Promise.reject(new Error('away')))
  const outcomes = await Promise.allSettled([fail(), fail()])
  expect(outcomes.map(outcome => outcome.status)).toEqual(['rejected', 'rejected'])
  expect((await ask('a1')).byteLength).toBe(1)
})
