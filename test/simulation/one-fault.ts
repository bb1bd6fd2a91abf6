/**
 * One small story with one fault in it. A first process takes what has landed so far; at its call number `at` the fault strikes. More
 * lands, a second process takes all of it; a frozen first process wakes only then, with everything it knows out of date. Runs go on until
 * one of them says that nothing is left, and then all must be well.
 */
import { runOnce } from '../../services/pipeline.ts'
import { checkEnd } from './check-end.ts'
import { type Fault, faultAt } from './fault-plan.ts'
import { type Landing, planLanding } from './landing.ts'
import { createSeededRandom } from './seeded-random.ts'
import { configOf, SETTLE_MS, TOPIC } from './settings.ts'
import { createWorld, isPassing, type RunningProcess, START_MS, type World } from './world.ts'

/** Longer than all leases, and than a second process needs. */
export const FREEZE_MS = 300_000
/** Runs after which a world that still says that something is undone has failed. */
const MAX_RUNS = 6

export interface OneFault {
  readonly seed: number
  /** Absent: nothing goes wrong. */
  readonly fault?: Fault
  readonly at?: number
}

export interface ToldStory {
  readonly world: World
  /** Calls that the first process made, by what they called; call number n is the (n − 1)th. */
  readonly calls: readonly string[]
}

export async function tellStory(story: OneFault): Promise<ToldStory> {
  const world = await createWorld({ seed: story.seed, config: CONFIG, landing: landingOf(story.seed) })
  try {
    return { world, calls: await tell(world, story) }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const { fault, at } = story
    throw new Error(
      `seed ${story.seed}, ${fault?.kind ?? 'no fault'} ${fault?.when ?? ''} call ${at ?? '-'}: ${reason}\n\nlast events:\n${world.trace.text()}`,
      { cause },
    )
  }
}

const CONFIG = configOf({
  commitIntervalMs: 1_000,
  claimLeaseMs: 10_000,
  // Some segments make tasks of their own, what is left is shared.
  taskTargetBytes: 300,
  maxTasksInFlight: 64,
  keptSnapshots: 1,
  partitionBy: [],
  metadataColumns: 'flat',
  compression: 'none',
})

function landingOf(seed: number): Landing {
  return planLanding({
    randomOf: part => createSeededRandom(seed, `brokers ${part}`),
    topic: TOPIC,
    overtaking: true,
    partitions: 2,
    segments: 4,
    settleMs: SETTLE_MS,
    pauseMs: 3_000,
    createdAtMs: START_MS,
  })
}

async function tell(world: World, { fault, at }: OneFault): Promise<readonly string[]> {
  const { scheduler, landing, observer } = world
  const until = (isOver: () => boolean) =>
    scheduler.run(async () => {
      await observer.check()
      return isOver()
    })
  const sinceStartMs = () => scheduler.nowMs() - START_MS
  const wait = async (untilMs: number) => {
    scheduler.schedule(Math.max(0, untilMs - sinceStartMs()), undefined, () => {})
    await until(() => sinceStartMs() >= untilMs)
  }
  const run = (name: string, plan = faultAt(undefined)): RunningProcess =>
    world.start({ name, faults: plan, main: runOnce })

  await wait(Math.floor(landing.endsAtMs * 0.6))
  const calls: string[] = []
  const strike = faultAt(at, fault)
  const first = run('first', call => {
    calls.push(call.what)
    return strike(call)
  })
  await until(() => first.ending !== undefined || first.process.frozenUntilMs > scheduler.nowMs())
  await wait(Math.ceil(landing.endsAtMs) + 3 * SETTLE_MS)
  await runUntilNothingIsLeft(run, until, 'second')
  await until(() => first.ending !== undefined)
  if (first.ending?.kind === 'failed' && !isPassing(first.ending.error)) throw first.ending.error
  await runUntilNothingIsLeft(run, until, 'third')
  await checkEnd(world)
  return calls
}

async function runUntilNothingIsLeft(
  run: (name: string) => RunningProcess,
  until: (isOver: () => boolean) => Promise<void>,
  name: string,
): Promise<void> {
  let said = ''
  for (let attempt = 1; attempt <= MAX_RUNS; attempt++) {
    const running = run(`${name}.${attempt}`)
    await until(() => running.ending !== undefined)
    const { ending } = running
    if (ending?.kind === 'failed') throw ending.error
    said = ending?.kind === 'returned' ? JSON.stringify(ending.value) : 'crashed'
    if (said === '[]') return
  }
  throw new Error(`after ${MAX_RUNS} runs something is left undone: ${said}`)
}
