/** The processes of a simulated world: each is started again some time after it has gone. What strikes them is written down. */
import type { Parts } from '../../services/parts.ts'
import { runPipeline } from '../../services/pipeline.ts'
import type { Config } from '../../shared/config/config.ts'
import { createInProcessQueue } from '../../shared/queue/in-process-queue.ts'
import { CALM, chanceFaults, type FaultPlan } from './fault-plan.ts'
import { letGoOn, type OperatorDeed, operate } from './operator.ts'
import { createSeededRandom } from './seeded-random.ts'
import { isPassing, type RunningProcess, START_MS, type World } from './world.ts'
import type { Deed, Place, WorldPlan } from './world-plan.ts'

/** A process that was asked to end hands its work back after the first, and is killed after the second. */
const GRACE_MS = 3_000
const KILLED_AFTER_MS = 6_000
const RESTART_MS = [100, 15_000] as const

export interface Fleet {
  /** Buries the dead and has them started again. */
  tend(): void
  do(deed: Deed): void
  /** Everything starts again with another configuration. */
  restartWith(config: Config): void
  /** A person lets go on what has stopped. */
  letGoOn(): void
  stop(): void
  hasEnded(): boolean
  started(): number
  calls(): number
  /** What struck which call, in order. */
  readonly faults: readonly string[]
}

export function startFleet(world: World, plan: WorldPlan): Fleet {
  const { seed, queueFaults, weather, gusts } = plan
  const random = createSeededRandom(seed, 'restarts')
  const shared = plan.sharesQueue ? createInProcessQueue() : undefined
  const running = new Map<string, RunningProcess>()
  const all: RunningProcess[] = []
  const lives = new Map<string, number>()
  const faults: string[] = []
  let config = world.config
  let isStopped = false

  const sinceStartMs = () => world.scheduler.nowMs() - START_MS
  const weatherNow = () =>
    gusts.some(({ fromMs, untilMs }) => fromMs <= sinceStartMs() && sinceStartMs() < untilMs) ? weather : CALM

  function faultsOf(name: string): FaultPlan {
    return chanceFaults({
      random: createSeededRandom(seed, `faults of ${name}`),
      weatherNow,
      isAllowed(what, call) {
        const fault = `${name} call ${call.number} ${call.what}: ${what}`
        if (!plan.allowsFault(fault)) return false
        faults.push(fault)
        return true
      },
    })
  }

  function nextName(place: string): string {
    const life = lives.get(place) ?? 0
    lives.set(place, life + 1)
    return `${place}.${life}`
  }

  function start(place: Place): void {
    if (isStopped) return
    const { stages, workers, pageSize, clockSkewMs } = place
    const name = nextName(place.name)
    const started = world.start({
      name,
      faults: faultsOf(name),
      queueFaults,
      pageSize,
      clockSkewMs,
      workers,
      stages,
      config,
      main: runPipeline,
      ...(shared !== undefined && { queue: shared }),
    })
    running.set(place.name, started)
    all.push(started)
  }

  /** Asked to go, and gone when it does not. */
  function sendAway(one: RunningProcess): void {
    stopped.add(one)
    one.stop()
    world.scheduler.schedule(GRACE_MS, undefined, () => one.handBack())
    world.scheduler.schedule(KILLED_AFTER_MS, undefined, () => {
      if (one.ending === undefined) one.process.crash()
    })
  }

  const stopped = new Set<RunningProcess>()

  function command(name: string, run: (parts: Parts) => Promise<void>): void {
    const numbered = nextName(name)
    all.push(world.start({ name: numbered, faults: faultsOf(numbered), main: run }))
  }

  for (const place of plan.fleet) start(place)

  return {
    faults,
    tend() {
      for (const place of plan.fleet) {
        const one = running.get(place.name)
        if (one?.ending === undefined) continue
        if (one.ending.kind === 'failed' && !isPassing(one.ending.error)) throw one.ending.error
        if (one.ending.kind === 'returned' && !stopped.has(one))
          throw new Error(`${one.process.name} ended though nobody stopped it`)
        running.delete(place.name)
        world.scheduler.schedule(random.span(...RESTART_MS), undefined, () => start(place))
      }
    },
    do(deed) {
      world.trace.note(`${deed.kind} ${JSON.stringify(deed)}`)
      switch (deed.kind) {
        case 'process-clock':
          return running.get(deed.place)?.process.jumpClock(deed.byMs)
        case 'database-clock':
          return world.database.jumpClock(deed.byMs)
        case 'kill':
          return running.get(deed.place)?.process.crash()
        case 'stop': {
          const one = running.get(deed.place)
          return one === undefined ? undefined : sendAway(one)
        }
        case 'flush-queue':
          return void forgetAll()
        default:
          return runCommand(deed)
      }
    },
    restartWith(changed) {
      config = changed
      for (const one of running.values()) sendAway(one)
    },
    letGoOn: () => command('mender', letGoOn),
    stop() {
      isStopped = true
      for (const one of running.values()) one.stop()
    },
    hasEnded: () => [...running.values()].every(one => one.ending !== undefined),
    started: () => all.length,
    calls: () => all.reduce((sum, one) => sum + one.process.calls, 0),
  }

  function runCommand(deed: OperatorDeed): void {
    command('operator', parts => operate(parts, deed))
  }

  async function forgetAll(): Promise<void> {
    if (shared === undefined) return
    const gone = new AbortController()
    for (let left = await shared.size(); left > 0; left--) await shared.take(gone.signal)
  }
}
