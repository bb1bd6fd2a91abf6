import { expect, test } from 'vitest'
import { patiently, type Verdict } from '../../../shared/runtime/patiently.ts'

/** Answers the verdicts in turn, the last one for ever; keeps the pauses. */
function trial(verdicts: readonly Verdict[], stop = new AbortController()) {
  const pauses: number[] = []
  let attempts = 0
  const run = () =>
    patiently<Verdict>(
      {
        runtime: { sleep: async ms => void pauses.push(ms) },
        signal: stop.signal,
        verdictOf: verdict => verdict,
      },
      async () => verdicts[Math.min(attempts++, verdicts.length - 1)] ?? 'settled',
    )
  return { run, pauses, attempts: () => attempts }
}

test('what is settled is answered at once', async () => {
  const { run, pauses } = trial(['settled'])
  expect(await run()).toBe('settled')
  expect(pauses).toEqual([])
})

test('waits for others without counting it as failures, which come ever more seldom', async () => {
  const { run, pauses } = trial(['busy', 'failing', 'busy', 'failing', 'settled'])
  expect(await run()).toBe('settled')
  expect(pauses).toEqual([200, 400, 200, 800])
})

test('gives up after five failures, and after two minutes of waiting for others', async () => {
  const failing = trial(['failing'])
  expect(await failing.run()).toBe('failing')
  expect(failing.attempts()).toBe(5)
  const busy = trial(['busy'])
  expect(await busy.run()).toBe('busy')
  expect(busy.pauses.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(120_000, -3)
})

test('a signal ends it with the outcome that there is', async () => {
  const stop = new AbortController()
  stop.abort()
  const { run, attempts } = trial(['failing'], stop)
  expect(await run()).toBe('failing')
  expect(attempts()).toBe(1)
})
