/**
 * What will happen, and when, drawn from a seed before anything runs: the same seed is the same weather, though never the same timing.
 * Each process and each server has a sequence of strikes of its own. Kinds are dealt like cards, so that a short run meets each of them.
 */
import { createSeededRandom, type SeededRandom } from '../simulation/seeded-random.ts'
import { SPELLS, type Spell } from './spells.ts'

export type Blow =
  /** SIGKILL, and a new process after a while. */
  | { readonly kind: 'kill'; readonly process: string; readonly downMs: number }
  /** The same, and the new process too, while it starts. */
  | { readonly kind: 'kill-starting'; readonly process: string; readonly startingMs: number }
  /** SIGTERM, and a new process after a while. */
  | { readonly kind: 'terminate'; readonly process: string; readonly downMs: number }
  /** SIGSTOP, beyond its leases, and SIGCONT: it goes on as a zombie. */
  | { readonly kind: 'freeze'; readonly process: string; readonly forMs: number }
  | { readonly kind: 'redis-flush' }
  | { readonly kind: 'redis-restart'; readonly downMs: number }
  | { readonly kind: 'redis-freeze'; readonly forMs: number }
  /** `kill`: SIGKILL of the postmaster. `immediate` and `kill` end in crash recovery. */
  | {
      readonly kind: 'postgres-restart'
      readonly how: 'fast' | 'immediate' | 'kill'
      readonly downMs: number
    }
  /** SIGKILL of one backend, upon which the postmaster ends all others and recovers. */
  | { readonly kind: 'postgres-crash-backend' }
  | { readonly kind: 'postgres-disconnect' }
  | { readonly kind: 's3'; readonly spell: Spell; readonly forMs: number }

export type Strike = Blow & {
  /** How long whom it strikes has been up again after the strike before it. */
  readonly afterMs: number
}

export interface Weather {
  /** Each sequence is carried out in order, all of them at the same time. */
  readonly sequences: readonly (readonly Strike[])[]
}

/** How long a sequence rests between two strikes, in ms. */
const PROCESS_REST = [8_000, 36_000] as const
const REDIS_REST = [8_000, 22_000] as const
const POSTGRES_REST = [10_000, 22_000] as const
const S3_REST = [4_000, 12_000] as const

/** Beside the seconds that a start takes. */
const DOWN = [0, 4_000] as const
/** The claim's lease is 5 s and a publisher's is 10 s: beyond both, and now and then beyond neither. */
const FROZEN = [3_000, 14_000] as const
const STARTING = [200, 2_000] as const
const SPELL = [4_000, 10_000] as const

export function planWeather({
  seed,
  durationMs,
  processes,
}: {
  readonly seed: number
  readonly durationMs: number
  readonly processes: readonly string[]
}): Weather {
  const plan = (name: string, rest: readonly [number, number], deal: (random: SeededRandom) => Blow[]) =>
    planSequence(createSeededRandom(seed, name), { durationMs, rest, deal })
  return {
    sequences: [
      ...processes.map(process => plan(process, PROCESS_REST, random => processStrikes(random, process))),
      plan('redis', REDIS_REST, redisStrikes),
      plan('postgres', POSTGRES_REST, postgresStrikes),
      plan('s3', S3_REST, s3Strikes),
    ],
  }
}

function planSequence(
  random: SeededRandom,
  {
    durationMs,
    rest,
    deal,
  }: {
    readonly durationMs: number
    readonly rest: readonly [number, number]
    readonly deal: (random: SeededRandom) => Blow[]
  },
): readonly Strike[] {
  const strikes: Strike[] = []
  let cards: Blow[] = []
  // The first comes early, so that a short run has as many as possible.
  let afterMs = random.between(0, rest[0])
  for (let atMs = afterMs; atMs < durationMs; atMs += afterMs) {
    if (cards.length === 0) cards = shuffled(deal(random), random)
    const card = cards.pop()
    if (card === undefined) break
    strikes.push({ ...card, afterMs })
    atMs += lengthOf(card)
    afterMs = random.between(...rest)
  }
  return strikes
}

function lengthOf(strike: Blow): number {
  if ('forMs' in strike) return strike.forMs
  return 'downMs' in strike ? strike.downMs : 0
}

function processStrikes(random: SeededRandom, process: string): Blow[] {
  return [
    { kind: 'kill', process, downMs: random.between(...DOWN) },
    { kind: 'kill', process, downMs: random.between(...DOWN) },
    { kind: 'kill-starting', process, startingMs: random.between(...STARTING) },
    { kind: 'terminate', process, downMs: random.between(...DOWN) },
    { kind: 'freeze', process, forMs: random.between(...FROZEN) },
    { kind: 'freeze', process, forMs: random.between(...FROZEN) },
  ]
}

function redisStrikes(random: SeededRandom): Blow[] {
  return [
    { kind: 'redis-flush' },
    { kind: 'redis-flush' },
    { kind: 'redis-restart', downMs: random.between(...DOWN) },
    { kind: 'redis-freeze', forMs: random.between(...FROZEN) },
  ]
}

function postgresStrikes(random: SeededRandom): Blow[] {
  const hows = ['fast', 'immediate', 'kill'] as const
  return [
    ...hows.map(how => ({ kind: 'postgres-restart', how, downMs: random.between(...DOWN) }) satisfies Blow),
    { kind: 'postgres-crash-backend' },
    { kind: 'postgres-disconnect' },
  ]
}

function s3Strikes(random: SeededRandom): Blow[] {
  return SPELLS.map(spell => ({ kind: 's3', spell, forMs: random.between(...SPELL) }))
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const rest = [...items]
  const result: T[] = []
  while (rest.length > 0) result.push(...rest.splice(random.between(0, rest.length - 1), 1))
  return result
}

const SPANS: Readonly<Record<string, string>> = { forMs: 'for', downMs: 'down', startingMs: 'starting for' }

/** One line, as the log of a run has it. */
export function describeStrike(strike: Strike): string {
  const { afterMs: _, kind, ...rest } = strike
  const details = Object.entries(rest).map(([name, value]) =>
    name.endsWith('Ms') ? `${SPANS[name] ?? ''} ${(Number(value) / 1000).toFixed(1)} s` : value,
  )
  return [kind, ...details].join(' ')
}
