/** A run follows from its seed: the same bytes in the warehouse and the same rows in the database, fault for fault. */
import { expect, test } from 'vitest'
import { liveThrough } from './random-world.ts'

const digestOf = async (seed: number) => (await liveThrough(seed)).world.digest()

test.each([99, 1003])('seed %i lives twice alike', async seed => {
  const first = await digestOf(seed)
  const second = await digestOf(seed)
  expect(second.database).toBe(first.database)
  expect(second.warehouse).toBe(first.warehouse)
})

test('another seed is another world', async () => {
  const [one, other] = [await digestOf(1), await digestOf(2)]
  expect(one.warehouse).not.toBe(other.warehouse)
})
