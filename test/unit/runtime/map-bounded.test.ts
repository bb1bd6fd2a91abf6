import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { mapBounded } from '../../../shared/runtime/map-bounded.ts'

describe('mapBounded', () => {
  test('keeps the order of the items, whichever ends first', async () => {
    const results = await mapBounded([3, 1, 2], 3, async item => {
      await sleep(item)
      return item * 10
    })
    expect(results).toEqual([30, 10, 20])
  })

  test('never runs more than the limit at once', async () => {
    let running = 0
    let most = 0
    await mapBounded(Array.from({ length: 20 }), 4, async () => {
      most = Math.max(most, ++running)
      await sleep(1)
      running--
    })
    expect(most).toBe(4)
  })

  test('throws the first failure once those under way have ended, and starts no more', async () => {
    const ended: number[] = []
    const run = mapBounded([0, 1, 2, 3], 2, async item => {
      if (item === 0) throw new Error('item 0')
      await sleep(5)
      ended.push(item)
    })
    await expect(run).rejects.toThrow('item 0')
    expect(ended).toEqual([1])
  })
})
