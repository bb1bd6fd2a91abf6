import { describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/runtime/errors.ts'
import { runLoop } from '../../../shared/runtime/loop.ts'
import { createSeededRuntime } from '../../fakes/seeded-runtime.ts'

function options(stopAfterSleeps: number) {
  const stop = new AbortController()
  const runtime = createSeededRuntime(1)
  const sleeps: number[] = []
  const failures: unknown[] = []
  const sleep = async (ms: number) => {
    sleeps.push(ms)
    if (sleeps.length === stopAfterSleeps) stop.abort()
  }
  return {
    sleeps,
    failures,
    runtime: { ...runtime, sleep },
    signal: stop.signal,
    intervalMs: 100,
    onFailure: (error: unknown) => failures.push(error),
  }
}

describe('runLoop', () => {
  test('goes on at once while there is more, then pauses', async () => {
    const loop = options(1)
    let rounds = 0
    await runLoop(loop, async () => ({ again: ++rounds < 3 }))
    expect(rounds).toBe(3)
    expect(loop.sleeps).toEqual([100])
  })

  test('reports failures and pauses longer after each, then as usual after a success', async () => {
    const loop = options(4)
    let rounds = 0
    await runLoop(loop, async () => {
      if (++rounds <= 3) throw new Error(`round ${rounds}`)
      return { again: false }
    })
    const [first = 0, second = 0, third = 0, usual] = loop.sleeps
    expect(loop.failures).toHaveLength(3)
    expect(first).toBeLessThanOrEqual(100)
    expect(second).toBeGreaterThanOrEqual(100)
    expect(third).toBeGreaterThanOrEqual(200)
    expect(usual).toBe(100)
  })

  test('a fatal failure ends it', async () => {
    const fatal = new AppError({ code: 'broken-invariant', next: 'fatal', message: 'broken' })
    await expect(runLoop(options(9), () => Promise.reject(fatal))).rejects.toBe(fatal)
  })
})
