import { expect, it } from 'vitest'
import { boundedRunner } from '../../../shared/runtime/run-bounded.ts'

it('runs at most so many at once, in the order in which they came, whatever fails', async () => {
  const runBounded = boundedRunner(3)
  const begun: number[] = []
  let underWay = 0
  let most = 0
  const work = (n: number) =>
    runBounded(async () => {
      begun.push(n)
      most = Math.max(most, ++underWay)
      await new Promise(resolve => setImmediate(resolve))
      underWay--
      if (n % 4 === 0) throw new Error(`${n} failed`)
      return n
    })
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => work(n)))
  expect(most).toBe(3)
  expect(begun).toEqual(Array.from({ length: 20 }, (_, n) => n))
  expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(begun.map(n => n % 4 === 0))
  expect(await work(7)).toBe(7)
})
