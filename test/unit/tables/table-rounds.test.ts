import { describe, expect, it } from 'vitest'
import { runTableRounds, type TableRounds } from '../../../services/tables/table-rounds.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { createSteppedRuntime, type SteppedRuntime } from '../../fakes/stepped-runtime.ts'

const TICK_MS = 100

/** Lets everything happen that waits for nothing but its turn. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}

interface Started {
  readonly runtime: SteppedRuntime
  readonly rounds: string[]
  readonly questions: (readonly string[])[]
  readonly failures: string[]
  readonly ended: Promise<unknown>
  stop(): void
  pass(ms: number): Promise<void>
}

function start(over: Partial<TableRounds<string, true>> = {}, ids: readonly string[] = ['a', 'b']): Started {
  const runtime = createSteppedRuntime(1)
  const stop = new AbortController()
  const rounds: string[] = []
  const questions: (readonly string[])[] = []
  const failures: string[] = []
  const ended = runTableRounds<string, true>({
    runtime,
    signal: stop.signal,
    tickMs: TICK_MS,
    maxAtOnce: 2,
    lineOf: () => '',
    all: () => new Map(ids.map(id => [id, id])),
    choose: async due => {
      questions.push([...due.keys()])
      return new Map([...due.keys()].map(id => [id, true]))
    },
    round: async id => {
      rounds.push(id)
      return 1000
    },
    onFailure: (error, id) => failures.push(`${id ?? 'all'}: ${error instanceof Error ? error.message : ''}`),
    ...over,
  }).catch((error: unknown) => error)
  return {
    runtime,
    rounds,
    questions,
    failures,
    ended,
    stop: () => stop.abort(),
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += TICK_MS) {
        await settled()
        runtime.advance(TICK_MS)
      }
      await settled()
    },
  }
}

describe('rounds of many tables', () => {
  it('asks one question for all that are due, and none while none is', async () => {
    const { rounds, questions, pass, stop, ended } = start()
    await pass(900)
    expect(questions).toEqual([['a', 'b']])
    expect(rounds).toEqual(['a', 'b'])
    await pass(1000)
    expect(questions).toHaveLength(2)
    expect(rounds).toEqual(['a', 'b', 'a', 'b'])
    stop()
    await ended
  })

  it('asks again at the next tick about those that had nothing to do', async () => {
    const { rounds, questions, pass, stop, ended } = start({
      choose: async due => {
        questions.push([...due.keys()])
        return new Map(due.has('b') && questions.length === 3 ? [['b', true]] : [])
      },
    })
    await pass(500)
    expect(rounds).toEqual(['b'])
    expect(questions[3]).toEqual(['a'])
    stop()
    await ended
  })

  it('goes on with the others while one takes long, and gives it no second round meanwhile', async () => {
    let finish = () => undefined as undefined
    const { rounds, pass, stop, ended } = start({
      round: async id => {
        rounds.push(id)
        if (id === 'a') await new Promise<void>(resolve => (finish = () => void resolve() as undefined))
        return TICK_MS
      },
    })
    await pass(500)
    expect(rounds.filter(id => id === 'a')).toHaveLength(1)
    expect(rounds.filter(id => id === 'b').length).toBeGreaterThan(3)
    finish()
    await pass(200)
    expect(rounds.filter(id => id === 'a')).toHaveLength(2)
    finish()
    stop()
    await pass(100)
    finish()
    await ended
  })

  it('runs no more than so many at once, and all in the end', async () => {
    const ids = Array.from({ length: 9 }, (_, i) => `${i}`)
    let running = 0
    let most = 0
    const { rounds, runtime, pass, stop, ended } = start(
      {
        round: async id => {
          most = Math.max(most, ++running)
          await runtime.sleep(TICK_MS)
          running--
          rounds.push(id)
          return 100_000
        },
      },
      ids,
    )
    await pass(1500)
    expect(most).toBe(2)
    expect([...rounds].sort()).toEqual(ids)
    stop()
    await ended
  })

  it('goes on with the tables of one server while those of another take for ever', async () => {
    const ids = ['dead-1', 'dead-2', 'dead-3', 'live-1', 'live-2']
    let finish: (() => void)[] = []
    const { rounds, pass, stop, ended } = start(
      {
        lineOf: id => id.slice(0, 4),
        round: async id => {
          rounds.push(id)
          if (id.startsWith('dead')) await new Promise<void>(resolve => finish.push(resolve))
          return TICK_MS
        },
      },
      ids,
    )
    await pass(500)
    expect(rounds.filter(id => id.startsWith('dead'))).toHaveLength(2)
    expect(rounds.filter(id => id === 'live-2').length).toBeGreaterThan(3)
    stop()
    for (; finish.length > 0; await settled()) {
      const all = finish
      finish = []
      for (const resolve of all) resolve()
    }
    await pass(200)
    await ended
  })

  it('does what each tick asks for also while no table is due', async () => {
    let ticks = 0
    const { questions, pass, stop, ended } = start({
      beforeAll: async () => void ticks++,
      round: async () => 100_000,
    })
    await pass(900)
    expect(questions).toHaveLength(1)
    expect(ticks).toBeGreaterThan(8)
    stop()
    await ended
  })

  it('leaves nobody waiting who comes while the last round ends', async () => {
    for (let steps = 0; steps < 12; steps++) {
      const arrived = new Set<string>()
      let finish = (): void => undefined
      let answer = (): void => undefined
      const { rounds, runtime, pass, stop, ended } = start({
        maxAtOnce: 1,
        choose: async due => {
          const [id] = [...due.keys()].filter(one => !arrived.has(one))
          if (id === undefined) return new Map()
          arrived.add(id)
          if (id === 'b') await new Promise<void>(resolve => (answer = resolve))
          return new Map([[id, true as const]])
        },
        round: async id => {
          rounds.push(id)
          if (id === 'a') await new Promise<void>(resolve => (finish = resolve))
          return 100_000
        },
      })
      await settled()
      runtime.advance(TICK_MS)
      await settled()
      finish()
      for (let step = 0; step < steps; step++) await Promise.resolve()
      answer()
      await pass(500)
      expect(rounds).toEqual(['a', 'b'])
      stop()
      runtime.advance(TICK_MS)
      await ended
    }
  })

  it('tries a table that fails again, ever less often, and the others as before', async () => {
    const { rounds, failures, pass, stop, ended } = start({
      round: async id => {
        rounds.push(id)
        if (id === 'a') throw new Error('no')
        return TICK_MS
      },
    })
    await pass(3000)
    const tries = rounds.filter(id => id === 'a').length
    expect(failures).toEqual(Array.from({ length: tries }, () => 'a: no'))
    expect(tries).toBeGreaterThan(2)
    expect(tries).toBeLessThan(9)
    expect(rounds.filter(id => id === 'b').length).toBeGreaterThan(20)
    stop()
    await ended
  })

  it('asks again after a question that failed', async () => {
    let fails = true
    const { rounds, failures, pass, stop, ended } = start({
      choose: async due => {
        if (fails) throw new Error('no database')
        return new Map([...due.keys()].map(id => [id, true]))
      },
    })
    await pass(300)
    expect(failures).toContain('all: no database')
    fails = false
    await pass(1000)
    expect(rounds).toEqual(['a', 'b'])
    stop()
    await ended
  })

  it('takes up what is added, and ends with what is fatal once the rounds under way have ended', async () => {
    const ids = ['a']
    const fatal = new AppError({ code: 'gone', next: 'fatal', message: 'gone' })
    let hasEnded = false
    const { rounds, runtime, pass, ended } = start(
      {
        round: async id => {
          rounds.push(id)
          if (id === 'b') throw fatal
          await runtime.sleep(300)
          hasEnded = true
          return 100_000
        },
      },
      ids,
    )
    await pass(100)
    ids.push('b')
    await pass(600)
    expect(await ended).toBe(fatal)
    expect(hasEnded).toBe(true)
    expect(rounds).toEqual(['a', 'b'])
  })
})
