/** A whole life of a world from one seed: brokers land, processes come and go in bad weather, then the sky clears and all must be well. */
import { runOnce, runPipeline } from '../../services/pipeline.ts'
import { createInProcessQueue } from '../../shared/queue/in-process-queue.ts'
import { checkEnd, isAtRest } from './check-end.ts'
import { CALM, chanceFaults, type Weather } from './fault-plan.ts'
import { planLanding } from './landing.ts'
import { createSeededRandom, type SeededRandom } from './seeded-random.ts'
import { configOf, SETTLE_MS, TOPIC } from './settings.ts'
import { createWorld, isPassing, type RunningProcess, START_MS, type World } from './world.ts'

/** The weather stays bad for this long after the last landing. */
const STORMY_AFTERWARDS_MS = 20_000
/** Once it is calm, all must be at rest within this. */
const MAX_CALM_MS = 600_000
const REST_CHECK_INTERVAL_MS = 1_000
const CALM_SPELL_MS = [0, 4_000] as const
const GUST_MS = [3_000, 40_000] as const

const WEATHERS: readonly [Weather, ...Weather[]] = [
  CALM,
  { fail: 0.02, crash: 0.002, freeze: 0.002, delay: 0.02 },
  { fail: 0.1, crash: 0.004, freeze: 0, delay: 0 },
  { fail: 0.01, crash: 0.02, freeze: 0, delay: 0.01 },
  { fail: 0, crash: 0.001, freeze: 0.01, delay: 0.05 },
]

export interface LivedWorld {
  readonly world: World
  readonly processesStarted: number
  readonly calls: number
}

/** Throws with the seed, the breach and the last events. */
export async function liveThrough(seed: number): Promise<LivedWorld> {
  const world = await worldOf(seed)
  try {
    return { world, ...(await runToRest(world, seed)) }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `seed ${seed}: ${reason}\n\nlast events:\n${world.trace.text()}\n\nrun it alone: TIDEWATER_SIMULATION_SEED=${seed} npx vitest run --project e2e test/simulation/random-worlds.test.ts`,
      { cause },
    )
  }
}

async function worldOf(seed: number): Promise<World> {
  const random = createSeededRandom(seed, 'world')
  const config = configOf({
    commitIntervalMs: random.pick([1_000, 3_000, 10_000]),
    claimLeaseMs: random.pick([5_000, 10_000, 30_000]),
    taskTargetBytes: random.pick([200, 700, 1_000_000]),
    maxTasksInFlight: random.pick([2, 8, 64]),
    keptSnapshots: random.pick([1, 3, 200]),
    partitionBy: random.pick([[], [], ['bucket(2, id)'], ['name']]),
    metadataColumns: random.pick(['struct', 'flat']),
    compression: random.pick(['zstd', 'snappy', 'none']),
    twoTables: random.chance(0.25),
  })
  const landing = planLanding({
    random: createSeededRandom(seed, 'brokers'),
    topic: TOPIC,
    partitions: random.between(1, 4),
    segments: random.pick([2, 4, 7]),
    settleMs: SETTLE_MS,
    pauseMs: random.pick([200, 3_000, 12_000]),
    createdAtMs: START_MS,
  })
  return createWorld({ seed, config, landing })
}

async function runToRest(world: World, seed: number): Promise<Omit<LivedWorld, 'world'>> {
  const random = createSeededRandom(seed, 'fleet')
  const stormsUntilMs = START_MS + world.landing.endsAtMs + STORMY_AFTERWARDS_MS
  const gusts = planGusts(createSeededRandom(seed, 'gusts'), stormsUntilMs)
  const isStormy = () =>
    gusts.some(gust => gust.fromMs <= world.scheduler.nowMs() && world.scheduler.nowMs() < gust.untilMs)
  const fleet = startFleet(world, { seed, random, isStormy })
  let atRest = false
  const look = async () => {
    atRest = world.scheduler.nowMs() >= stormsUntilMs && (await isAtRest(world))
    if (world.scheduler.nowMs() > stormsUntilMs + MAX_CALM_MS)
      throw new Error(`not at rest ${MAX_CALM_MS / 1000} s after the last fault`)
  }
  let nextLookMs = 0
  await world.scheduler.run(async () => {
    await world.observer.check()
    fleet.tend()
    if (world.scheduler.nowMs() < nextLookMs) return false
    nextLookMs = world.scheduler.nowMs() + REST_CHECK_INTERVAL_MS
    await look()
    return atRest
  })
  fleet.stop()
  await world.scheduler.run(() => fleet.hasEnded())
  await checkEnd(world)
  await runLastTime(world)
  return { processesStarted: fleet.started(), calls: fleet.calls() }
}

/** A `run --once` over the finished work finds nothing to do and says so. */
async function runLastTime(world: World): Promise<void> {
  const written = world.warehouse.writes.length
  const last = world.start({
    name: 'last',
    faults: () => ({ requestMs: 1, responseMs: 1, outlivesProcess: true }),
    main: (parts, signal) => runOnce(parts, { signal }),
  })
  await world.scheduler.run(() => last.ending !== undefined)
  const said =
    last.ending?.kind === 'returned' ? JSON.stringify(last.ending.value) : String(last.ending?.kind)
  if (said !== '[]') throw new Error(`a last run --once left something undone: ${said}`)
  if (world.warehouse.writes.length !== written)
    throw new Error(`a last run --once wrote ${world.warehouse.writes.slice(written).join(', ')}`)
  await checkEnd(world)
}

interface Gust {
  readonly fromMs: number
  readonly untilMs: number
}

/** Bad weather comes and goes, so that work is under way when it strikes. */
function planGusts(random: SeededRandom, untilMs: number): readonly Gust[] {
  const gusts: Gust[] = []
  for (let fromMs = START_MS; fromMs < untilMs; ) {
    const calmMs = random.span(...CALM_SPELL_MS)
    const gust = { fromMs: fromMs + calmMs, untilMs: fromMs + calmMs + random.span(...GUST_MS) }
    gusts.push({ ...gust, untilMs: Math.min(gust.untilMs, untilMs) })
    fromMs = gust.untilMs
  }
  return gusts
}

interface FleetOptions {
  readonly seed: number
  readonly random: SeededRandom
  readonly isStormy: () => boolean
}

/** The processes: each is started again some time after it has died. */
function startFleet(world: World, { seed, random, isStormy }: FleetOptions) {
  const size = random.between(1, 3)
  const weather = random.pick(WEATHERS)
  const queueFaults = random.pick([
    { lose: 0, duplicate: 0 },
    { lose: 0.2, duplicate: 0.2 },
  ])
  const shared = random.chance(0.4) ? createInProcessQueue() : undefined
  const pageSize = random.pick([1, 3, 1000])
  const running: (RunningProcess | undefined)[] = []
  const mourned: RunningProcess[] = []
  let isStopped = false

  function start(place: number): void {
    if (isStopped) return
    const name = `p${place}.${mourned.length + running.length}`
    running[place] = world.start({
      name,
      faults: chanceFaults(createSeededRandom(seed, `faults of ${name}`), () =>
        isStormy() ? weather : CALM,
      ),
      queueFaults,
      pageSize,
      clockSkewMs: random.between(-800, 800),
      ...(shared !== undefined && { queue: shared }),
      main: (parts, signal) => runPipeline(parts, { signal }),
    })
  }
  for (let place = 0; place < size; place++) start(place)

  return {
    /** Buries the dead and has them started again. */
    tend() {
      for (const [place, one] of running.entries()) {
        if (one?.ending === undefined) continue
        if (one.ending.kind === 'failed' && !isPassing(one.ending.error)) throw one.ending.error
        if (one.ending.kind === 'returned')
          throw new Error(`${one.process.name} ended though nobody stopped it`)
        mourned.push(one)
        running[place] = undefined
        world.scheduler.schedule(random.span(100, 15_000), undefined, () => start(place))
      }
    },
    stop() {
      isStopped = true
      for (const one of running) one?.stop()
    },
    hasEnded: () => running.every(one => one === undefined || one.ending !== undefined),
    started: () => mourned.length + running.length,
    calls: () => [...mourned, ...running].reduce((sum, one) => sum + (one?.process.calls ?? 0), 0),
  }
}
