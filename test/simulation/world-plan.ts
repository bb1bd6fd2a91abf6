/**
 * Everything that a seed decides before the world begins: tables, landings, processes, what people and machines do to them, and the
 * weather. A plan can be made smaller part by part, and what is left stays as it was: that is how a failure shrinks to its cause.
 */
import { ALL_STAGES, type Stage } from '../../services/stages.ts'
import { CALM, type Weather } from './fault-plan.ts'
import type { QueueFaults } from './faulty-ports.ts'
import { type LandedLife, type LandedSegment, type Landing, planLanding } from './landing.ts'
import { createSeededRandom, type SeededRandom } from './seeded-random.ts'
import { FLOODED_TOPIC, SETTLE_MS, type Settings, TOPIC } from './settings.ts'
import { START_MS } from './world.ts'

export interface Place {
  readonly name: string
  readonly stages: ReadonlySet<Stage>
  /** Conversions at once. */
  readonly workers: number
  readonly pageSize: number
  readonly clockSkewMs: number
}

/** What people and machines do; the times are ms from the start. */
export type Deed = { readonly atMs: number } & (
  | {
      readonly kind: 'pause' | 'resume' | 'skip-to' | 'unpark'
      readonly table: number
      readonly draw: number
    }
  | { readonly kind: 'process-clock'; readonly place: string; readonly byMs: number }
  | { readonly kind: 'database-clock'; readonly byMs: number }
  /** A spot machine goes, without a word or with one. */
  | { readonly kind: 'kill' | 'stop'; readonly place: string }
  /** Everything that waits in the shared queue is forgotten. */
  | { readonly kind: 'flush-queue' }
)

export interface Gust {
  readonly fromMs: number
  readonly untilMs: number
}

export interface WorldPlan {
  readonly seed: number
  readonly settings: Settings
  readonly landing: Landing
  readonly fleet: readonly Place[]
  /** The processes share one queue, as in Redis; else each has its own, and it dies with the process. */
  readonly sharesQueue: boolean
  readonly queueFaults: QueueFaults
  readonly deeds: readonly Deed[]
  readonly weather: Weather
  readonly gusts: readonly Gust[]
  /** From here on nothing goes wrong any more. */
  readonly stormsUntilMs: number
  /** Tables stop for good reason, so that a person must change their configuration. */
  readonly needsMending: boolean
  readonly allowsFault: (name: string) => boolean
}

/** What is left out of a plan. */
export interface Cuts {
  /** As `partsOf` names them, and faults as the fleet does. */
  readonly parts: ReadonlySet<string>
  /** Of each life of a partition. */
  readonly maxSegments: number
}

export const WHOLE: Cuts = { parts: new Set(), maxSegments: Number.POSITIVE_INFINITY }

const STORMY_AFTERWARDS_MS = 20_000
const CALM_SPELL_MS = [0, 4_000] as const
const GUST_MS = [3_000, 40_000] as const
const MAX_CLOCK_JUMP_MS = 90_000

const WEATHERS: readonly [Weather, ...Weather[]] = [
  CALM,
  { fail: 0.02, crash: 0.002, freeze: 0.002, delay: 0.02 },
  { fail: 0.1, crash: 0.004, freeze: 0, delay: 0 },
  { fail: 0.01, crash: 0.02, freeze: 0, delay: 0.01 },
  { fail: 0, crash: 0.001, freeze: 0.01, delay: 0.05 },
]

export function planWorld(seed: number, cuts: Cuts = WHOLE): WorldPlan {
  const isIn = (part: string) => !cuts.parts.has(part)
  const random = createSeededRandom(seed, 'world')
  const recreation = random.chance(0.15)
  const retention = !recreation && random.chance(0.15)
  const drawn: Settings = {
    commitIntervalMs: random.pick([1_000, 3_000, 10_000]),
    claimLeaseMs: random.pick([5_000, 10_000, 30_000]),
    taskTargetBytes: random.pick([200, 700, 1_000_000]),
    maxTasksInFlight: random.pick([2, 8, 64]),
    keptSnapshots: random.pick([1, 3, 200]),
    partitionBy: random.pick([[], [], ['bucket(2, id)'], ['name']]),
    metadataColumns: random.pick(['struct', 'flat']),
    compression: random.pick(['zstd', 'snappy', 'none']),
    skippingTable: random.chance(0.2),
    floodedTable: random.chance(0.1),
    onNewIncarnation: random.pick(['stop', 'continue']),
    ...(random.chance(0.15) && { dlqRetentionMs: random.pick([20_000, 60_000]) }),
  }
  const { dlqRetentionMs, ...rest } = drawn
  const settings: Settings = {
    ...rest,
    skippingTable: drawn.skippingTable === true && isIn('the skipping table'),
    floodedTable: drawn.floodedTable === true && isIn('the flooded table'),
    ...(dlqRetentionMs !== undefined && isIn('dead-letter retention') && { dlqRetentionMs }),
  }
  const fleet = planFleet(createSeededRandom(seed, 'fleet'))
  const deeds = planDeeds(createSeededRandom(seed, 'deeds'), fleet.places)
  const common = {
    // By a clock that is far ahead, what comes a moment later is given up; its segment then stops the partition for a person to look.
    overtaking: deeds.every(({ kind }) => kind !== 'process-clock'),
    settleMs: SETTLE_MS,
    segments: random.pick([2, 4, 7]),
    pauseMs: random.pick([200, 3_000, 12_000]),
    createdAtMs: START_MS,
  }
  const main = planLanding({
    ...common,
    randomOf: part => createSeededRandom(seed, `brokers ${part}`),
    topic: TOPIC,
    partitions: random.between(1, 4),
    retention,
    recreation,
  })
  const flooded = planLanding({
    ...common,
    randomOf: part => createSeededRandom(seed, `flood ${part}`),
    topic: FLOODED_TOPIC,
    partitions: random.between(1, 2),
    flood: true,
  })
  const landings = settings.floodedTable === true ? [main, flooded] : [main]
  const landing = cutLanding(together(landings), cuts)
  const stormsUntilMs = landing.endsAtMs + STORMY_AFTERWARDS_MS
  const places = fleet.places.filter(({ name }) => isIn(name))
  return {
    seed,
    settings,
    landing,
    fleet: places,
    sharesQueue: fleet.sharesQueue,
    queueFaults: isIn('a queue that loses and doubles') ? fleet.queueFaults : { lose: 0, duplicate: 0 },
    deeds: deeds
      .map(deed => ({ ...deed, atMs: 500 + deed.atMs * (stormsUntilMs - 500) }))
      .filter(deed => isIn(nameOfDeed(deed))),
    weather: isIn('bad weather') ? random.pick(WEATHERS) : CALM,
    gusts: planGusts(createSeededRandom(seed, 'gusts'), stormsUntilMs),
    stormsUntilMs,
    needsMending:
      settings.floodedTable === true ||
      (settings.onNewIncarnation === 'stop' && landing.deletions.length > 0),
    allowsFault: isIn,
  }
}

/** What may be left out of the plan of a seed, what is easiest to do without first. */
export function partsOf(plan: WorldPlan): readonly string[] {
  return [
    'bad weather',
    'a queue that loses and doubles',
    ...plan.deeds.map(nameOfDeed),
    ...(plan.settings.floodedTable === true ? ['the flooded table'] : []),
    ...(plan.settings.skippingTable === true ? ['the skipping table'] : []),
    ...(plan.settings.dlqRetentionMs === undefined ? [] : ['dead-letter retention']),
    ...plan.fleet.map(({ name }) => name),
    ...new Set(plan.landing.lives.map(nameOfPartition)),
  ]
}

function nameOfDeed(deed: Deed): string {
  const { atMs, kind, ...rest } = deed
  return `${kind} ${JSON.stringify(rest)} at ${Math.round(atMs)} ms`
}

function nameOfPartition({ topic, partition }: LandedLife): string {
  return `partition ${topic}-${partition}`
}

function together(landings: readonly Landing[]): Landing {
  return {
    lives: landings.flatMap(({ lives }) => lives),
    deletions: landings.flatMap(({ deletions }) => deletions),
    endsAtMs: Math.max(...landings.map(({ endsAtMs }) => endsAtMs)),
  }
}

function cutLanding(landing: Landing, { parts, maxSegments }: Cuts): Landing {
  const lives = landing.lives
    .filter(life => !parts.has(nameOfPartition(life)))
    .map(life => ({ ...life, segments: cutSegments(life, maxSegments) }))
  const kept = new Set(
    lives.flatMap(({ segments }) => segments.flatMap(({ puts }) => puts.map(put => put.key))),
  )
  const standing = new Set(
    lives.flatMap(({ segments }) =>
      segments
        .filter(segment => segment.deletedAtMs === undefined)
        .flatMap(({ puts }) => puts.map(put => put.key)),
    ),
  )
  const deletions = landing.deletions.filter(({ key }) => kept.has(key) && !standing.has(key))
  return { ...landing, lives, deletions }
}

/** The last one that is left counts and stands, as the last one of every partition does; a life that is over may end anyhow. */
function cutSegments({ segments }: LandedLife, max: number): readonly LandedSegment[] {
  if (segments.length <= max) return segments
  const isOver = segments.at(-1)?.deletedAtMs !== undefined
  const kept = segments.slice(0, max)
  while (kept.length > 1 && kept.at(-1)?.counts === false) kept.pop()
  const last = kept.at(-1)
  if (last === undefined || isOver) return kept
  const { deletedAtMs: _, ...stands } = last
  return [...kept.slice(0, -1), stands]
}

/** Bad weather comes and goes, so that work is under way when it strikes. */
function planGusts(random: SeededRandom, untilMs: number): readonly Gust[] {
  const gusts: Gust[] = []
  for (let fromMs = 0; fromMs < untilMs; ) {
    const calmMs = random.span(...CALM_SPELL_MS)
    const gust = { fromMs: fromMs + calmMs, untilMs: fromMs + calmMs + random.span(...GUST_MS) }
    gusts.push({ ...gust, untilMs: Math.min(gust.untilMs, untilMs) })
    fromMs = gust.untilMs
  }
  return gusts
}

/** Processes that all do everything, or that divide the stages among themselves. */
function planFleet(random: SeededRandom): Pick<WorldPlan, 'sharesQueue' | 'queueFaults'> & {
  readonly places: readonly Place[]
} {
  const divides = random.chance(0.4)
  const pageSize = random.pick([1, 3, 1000])
  const several = (role: string, stages: ReadonlySet<Stage>, count: number) =>
    Array.from({ length: count }, (_, number) => ({
      name: `${role}${number}`,
      stages,
      workers: random.between(1, 3),
      pageSize,
      clockSkewMs: random.between(-800, 800),
    }))
  const places = divides
    ? [
        ...several('planner', new Set(['discover', 'plan']), random.between(1, 2)),
        ...several('worker', new Set(['convert']), random.between(1, 3)),
        ...several('publisher', new Set(['publish', 'maintain']), random.between(1, 2)),
      ]
    : several('process', ALL_STAGES, random.between(1, 3))
  return {
    places,
    sharesQueue: divides || random.chance(0.4),
    queueFaults: random.pick([
      { lose: 0, duplicate: 0 },
      { lose: 0.2, duplicate: 0.2 },
    ]),
  }
}

/** Their times are shares of the storm. */
function planDeeds(random: SeededRandom, places: readonly Place[]): readonly Deed[] {
  const isBusy = random.chance(0.4)
  return Array.from({ length: isBusy ? random.between(1, 8) : 0 }, (): Deed => {
    const atMs = random.next()
    const place = places[random.between(0, places.length - 1)]?.name ?? ''
    const byMs = random.between(-MAX_CLOCK_JUMP_MS, MAX_CLOCK_JUMP_MS)
    const [table, draw] = [random.between(0, 2), random.next()]
    const kind = random.pick<Deed['kind']>([
      'pause',
      'resume',
      'skip-to',
      'unpark',
      'process-clock',
      'database-clock',
      'kill',
      'kill',
      'stop',
      'flush-queue',
    ])
    switch (kind) {
      case 'process-clock':
        return { atMs, kind, place, byMs }
      case 'database-clock':
        return { atMs, kind, byMs }
      case 'kill':
      case 'stop':
        return { atMs, kind, place }
      case 'flush-queue':
        return { atMs, kind }
      default:
        return { atMs, kind, table, draw }
    }
  })
}
