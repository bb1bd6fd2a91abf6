/**
 * One process of the pipeline in a simulated world: its clock, its randomness, and the way that every call to its stores takes.
 *
 * A crash is what SIGKILL is: from then on no call of the process answers and none of its sleeps end, so that its code simply does not go
 * on. It does not throw: `catch` and `finally` blocks do not run in a killed process.
 */
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import type { Fault, FaultPlan } from './fault-plan.ts'
import type { EventOwner, Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Trace } from './trace.ts'

/** Of the errors that a `fail` fault throws. */
export const OUTAGE = 'simulated-outage'

export interface SimulatedProcess extends EventOwner {
  readonly name: string
  readonly runtime: Runtime
  readonly random: SeededRandom
  /** Calls begun so far. */
  readonly calls: number
  /** Aborts when the process dies; for what waits in the world outside on its behalf. */
  readonly death: AbortSignal
  /** Takes `effect` out into the world: later, perhaps never, perhaps without an answer. */
  call<T>(what: string, effect: () => Promise<T>): Promise<T>
  crash(): void
  /** Somebody sets the clock of its machine. */
  jumpClock(byMs: number): void
}

export interface ProcessOptions {
  readonly name: string
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly random: SeededRandom
  readonly faults: FaultPlan
  /** How far the process's clock is from the world's. */
  readonly clockSkewMs: number
}

export function createProcess(options: ProcessOptions): SimulatedProcess {
  const { name, scheduler, trace, random, faults } = options
  let clockSkewMs = options.clockSkewMs
  const death = new AbortController()
  let isDead = false
  let frozenUntilMs = 0
  let calls = 0

  const self: SimulatedProcess = {
    name,
    random,
    death: death.signal,
    get isDead() {
      return isDead
    },
    get frozenUntilMs() {
      return frozenUntilMs
    },
    get calls() {
      return calls
    },
    runtime: {
      nowMs: () => scheduler.nowMs() + clockSkewMs,
      monotonicMs: () => scheduler.nowMs(),
      random: random.next,
      uuid: random.uuid,
      sleep: (ms, signal) => sleep(scheduler, self, ms, signal),
    },
    call,
    crash() {
      if (isDead) return
      isDead = true
      trace.note(`${name} dies`)
      death.abort()
    },
    jumpClock(byMs) {
      clockSkewMs += byMs
      trace.note(`${name}'s clock jumps by ${Math.round(byMs)} ms`)
    },
  }

  function freeze(forMs: number): void {
    frozenUntilMs = Math.max(frozenUntilMs, scheduler.nowMs() + forMs)
    trace.note(`${name} freezes for ${Math.round(forMs)} ms`)
  }

  async function call<T>(what: string, effect: () => Promise<T>): Promise<T> {
    if (isDead) return never()
    const number = ++calls
    const { requestMs, responseMs, outlivesProcess, fault } = faults({ what, number })
    const note = (outcome: string) => trace.note(`${name} call ${number} ${what}: ${outcome}`)

    if (is(fault, 'freeze', 'before')) {
      freeze(fault.forMs)
      await scheduler.after(0, self)
    }
    await scheduler.after(requestMs)
    if (isDead && !outlivesProcess) return never()
    if (is(fault, 'crash', 'before')) {
      note('dies before it')
      self.crash()
      return never()
    }
    const answer = is(fault, 'fail', 'before')
      ? ({ kind: 'failed', error: outage(what) } as const)
      : await settle(effect)
    note(`${answer.kind === 'failed' ? describe(answer.error) : 'done'}${describeFault(fault)}`)
    if (is(fault, 'crash', 'after')) self.crash()
    if (is(fault, 'freeze', 'after')) freeze(fault.forMs)
    await scheduler.after(responseMs, self)
    if (isDead) return never()
    if (is(fault, 'fail', 'after')) throw outage(what)
    if (answer.kind === 'failed') throw answer.error
    return answer.value
  }

  return self
}

type Answer<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown }

async function settle<T>(effect: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: 'value', value: await effect() }
  } catch (error) {
    return { kind: 'failed', error }
  }
}

function is<K extends Fault['kind']>(
  fault: Fault | undefined,
  kind: K,
  when: Fault['when'],
): fault is Extract<Fault, { kind: K }> {
  return fault?.kind === kind && fault.when === when
}

function describe(error: unknown): string {
  return error instanceof AppError ? error.code : String(error)
}

function describeFault(fault: Fault | undefined): string {
  return fault === undefined ? '' : ` (${fault.kind} ${fault.when})`
}

function never(): Promise<never> {
  return new Promise(() => {})
}

function outage(what: string): AppError {
  return new AppError({
    code: OUTAGE,
    next: 'retry',
    message: `Simulated outage of ${what}: it may have had its effect, or not.`,
  })
}

function sleep(scheduler: Scheduler, owner: EventOwner, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted === true) return resolve()
    const finish = () => {
      takeBack()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const takeBack = scheduler.schedule(ms, owner, finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}
