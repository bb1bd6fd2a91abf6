import { expect, it } from 'vitest'
import { createSlots } from '../../../shared/object-store/slots.ts'

it('runs no more at once than there are slots, in order, and goes on after failures', async () => {
  const slots = createSlots(2)
  const begun: number[] = []
  const ends: (() => void)[] = []
  let running = 0
  let most = 0
  const tasks = Array.from({ length: 5 }, (_, i) =>
    slots.run(async () => {
      begun.push(i)
      most = Math.max(most, ++running)
      await new Promise<void>(resolve => ends.push(resolve))
      running--
      if (i % 2 === 1) throw new Error(`task ${i}`)
      return i
    }),
  )
  const outcomes = Promise.allSettled(tasks)
  for (let i = 0; i < 5; i++) {
    await new Promise(resolve => setImmediate(resolve))
    ends[i]?.()
  }
  expect((await outcomes).map(outcome => outcome.status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'rejected',
    'fulfilled',
  ])
  expect(begun).toEqual([0, 1, 2, 3, 4])
  expect(most).toBe(2)
})
