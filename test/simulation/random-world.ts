/** A whole life of a world from one seed: brokers land, processes come and go in bad weather, then the sky clears and all must be well. */
import { runOnce } from '../../services/pipeline.ts'
import { checkEnd, whatMoves } from './check-end.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { configOf, mendedConfig } from './settings.ts'
import { createWorld, type Defect, START_MS, type World } from './world.ts'
import { type Cuts, planWorld, WHOLE, type WorldPlan } from './world-plan.ts'

/** Once it is calm, all must be at rest within this. */
const MAX_CALM_MS = 900_000
const REST_CHECK_INTERVAL_MS = 1_000
/** How often a person looks whether something has stopped, once it is calm. */
const MENDING_INTERVAL_MS = 7_000

export interface LivedWorld {
  readonly world: World
  readonly plan: WorldPlan
  readonly processesStarted: number
  readonly calls: number
  /** What struck which call. */
  readonly faults: readonly string[]
}

export interface LifeOptions {
  readonly cuts?: Cuts
  readonly defect?: Defect
}

/** A world in which something went wrong that may not. */
export class BrokenWorld extends Error {
  readonly seed: number
  readonly plan: WorldPlan
  readonly faults: readonly string[]
  readonly trace: string
  /** What went wrong, without the seed. */
  readonly reason: string

  constructor(cause: unknown, of: Pick<BrokenWorld, 'seed' | 'plan' | 'faults' | 'trace'>) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`seed ${of.seed}: ${reason}\n\nlast events:\n${of.trace}`, { cause })
    this.seed = of.seed
    this.plan = of.plan
    this.faults = of.faults
    this.trace = of.trace
    this.reason = reason
  }
}

/** Throws `BrokenWorld`. The database of the world that is returned is open: `world.database.close()`. */
export async function liveThrough(
  seed: number,
  { cuts = WHOLE, defect }: LifeOptions = {},
): Promise<LivedWorld> {
  const plan = planWorld(seed, cuts)
  const { landing, settings } = plan
  const world = await createWorld({
    seed,
    config: configOf({ ...settings, sharesQueue: plan.sharesQueue }),
    landing,
    ...(defect !== undefined && { defect }),
  })
  const fleet = startFleet(world, plan)
  try {
    await runToRest(world, plan, fleet)
    return {
      world,
      plan,
      processesStarted: fleet.started(),
      calls: fleet.calls(),
      faults: fleet.faults,
    }
  } catch (cause) {
    world.database.close()
    throw new BrokenWorld(cause, { seed, plan, faults: fleet.faults, trace: world.trace.text() })
  }
}

async function runToRest(world: World, plan: WorldPlan, fleet: Fleet): Promise<void> {
  const { scheduler, config } = world
  for (const deed of plan.deeds) scheduler.schedule(deed.atMs, undefined, () => fleet.do(deed))
  const calmFromMs = START_MS + plan.stormsUntilMs
  if (plan.needsMending)
    scheduler.schedule(plan.stormsUntilMs, undefined, () => fleet.restartWith(mendedConfig(config)))
  const mend = () => {
    fleet.letGoOn()
    scheduler.schedule(MENDING_INTERVAL_MS, undefined, mend)
  }
  if (plan.needsMending || plan.deeds.length > 0) scheduler.schedule(plan.stormsUntilMs, undefined, mend)

  let nextLookMs = calmFromMs
  await scheduler.run(async () => {
    await world.observer.check()
    fleet.tend()
    if (scheduler.nowMs() < nextLookMs) return false
    nextLookMs = scheduler.nowMs() + REST_CHECK_INTERVAL_MS
    const moves = await whatMoves(world)
    if (moves !== undefined && scheduler.nowMs() > calmFromMs + MAX_CALM_MS)
      throw new Error(`not at rest ${MAX_CALM_MS / 1000} s after the last fault: ${moves}`)
    return moves === undefined
  })
  fleet.stop()
  await scheduler.run(() => fleet.hasEnded())
  await checkEnd(world)
  await runLastTime(world)
}

/** A `run --once` over the finished work finds nothing to do and says so. */
async function runLastTime(world: World): Promise<void> {
  const written = world.warehouse.writes.length
  const last = world.start({
    name: 'last',
    faults: () => ({ requestMs: 1, responseMs: 1, outlivesProcess: true }),
    config: mendedConfig(world.config),
    main: runOnce,
  })
  await world.scheduler.run(() => last.ending !== undefined)
  const said =
    last.ending?.kind === 'returned' ? JSON.stringify(last.ending.value) : String(last.ending?.kind)
  if (said !== '[]') throw new Error(`a last run --once left something undone: ${said}`)
  if (world.warehouse.writes.length !== written)
    throw new Error(`a last run --once wrote ${world.warehouse.writes.slice(written).join(', ')}`)
  await checkEnd(world)
}
