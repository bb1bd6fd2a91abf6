/**
 * What the brokers of a simulated world land and delete, and when. Decided from the seed beforehand, so that what is expected of the
 * tables does not depend on what the pipeline does.
 *
 * Brokers behave as docs/kfs.md says: one segment of a partition goes up after the other, its two objects in either order; after a crash
 * an unindexed `.kfs` is overwritten by another object under its key; an index may come after the next segment; offsets may
 * be missing between and within segments; retention deletes the oldest segments; a topic that is deleted may begin again below.
 */
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import type { WrittenSegment } from '../../shared/segment/segment-writer.ts'
import { drawSegment } from './drawn-segment.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface LandedSegment {
  readonly baseOffset: bigint
  /** Exclusive. */
  readonly endOffset: bigint
  /** Whether both of its objects land, so that it counts. */
  readonly counts: boolean
  /** The `id` column by offset. */
  readonly rows: ReadonlyMap<bigint, bigint>
  /** Offsets of records that do not decode. */
  readonly broken: ReadonlySet<bigint>
  readonly control: ReadonlySet<bigint>
  readonly puts: readonly { readonly atMs: number; readonly key: string; readonly body: Uint8Array }[]
  /** When its objects begin to go, by retention or with the topic. */
  deletedAtMs?: number
}

/** One life of one topic-partition. Base offsets of two lives of a partition are never equal. */
export interface LandedLife {
  readonly topic: string
  readonly partition: number
  /** 0, or 1 after the topic was recreated. */
  readonly number: number
  readonly segments: readonly LandedSegment[]
}

export interface Landing {
  readonly lives: readonly LandedLife[]
  readonly deletions: readonly { readonly atMs: number; readonly key: string }[]
  /** When the last object has landed or gone, ms from the start. */
  readonly endsAtMs: number
}

export interface LandingOptions {
  /** A stream of its own for each part of the landing, so that one partition less leaves the others as they were. */
  readonly randomOf: (part: string) => SeededRandom
  readonly topic: string
  readonly partitions: number
  /** At most this many in each life of a partition. */
  readonly segments: number
  readonly settleMs: number
  /** At most this long between segments. */
  readonly pauseMs: number
  readonly createdAtMs: number
  /** An index may come after the next segment, in time not to be given up by clocks that are nearly right. */
  readonly overtaking: boolean
  /** Retention deletes some of the oldest segments. */
  readonly retention?: boolean
  /** The topic is deleted and begins again. */
  readonly recreation?: boolean
  /** Partition 0 has a segment of nothing but records that do not decode. */
  readonly flood?: boolean
}

/** The two objects of a segment land within this of each other. */
const UPLOAD_MS = 3500
const DELETION_MS = 1500
/** More than clocks differ. */
const MARGIN_MS = 2500

type Fortune =
  | 'whole'
  | 'late-index'
  | 'orphan'
  | 'quickly-replaced'
  | 'overtaken'
  | 'never-indexed'
  | 'never-landed'

export function planLanding(options: LandingOptions): Landing {
  const random = options.randomOf('topic')
  const numbers = Array.from({ length: options.partitions }, (_, partition) => partition)
  const first = numbers.map(partition => landLife(options, { partition, number: 0, fromMs: 0 }))
  const endOf = (lives: readonly LandedLife[]) =>
    Math.max(0, ...lives.flatMap(({ segments }) => segments.flatMap(({ puts }) => puts.map(put => put.atMs))))
  const deletions: { atMs: number; key: string }[] = []
  const remove = (segment: LandedSegment, fromMs: number) => {
    segment.deletedAtMs = fromMs
    const keys = new Set(segment.puts.filter(put => put.atMs < fromMs).map(put => put.key))
    for (const key of keys) deletions.push({ atMs: fromMs + random.span(0, DELETION_MS), key })
  }
  if (options.retention === true) for (const life of first) retainLess(life, random, remove)
  if (options.recreation !== true)
    return { lives: first, deletions, endsAtMs: endsAt(deletions, endOf(first)) }

  const endMs = random.span(0.4 * endOf(first), endOf(first) + 20_000)
  const cut = first.map(life => cutAt(life, endMs))
  for (const { segments } of cut) for (const segment of segments) remove(segment, endMs)
  const fromMs = endMs + DELETION_MS + random.span(1, 10_000)
  const second = numbers.map(partition =>
    landLife(options, { partition, number: 1, fromMs }, first[partition]),
  )
  return { lives: [...cut, ...second], deletions, endsAtMs: endsAt(deletions, endOf(second)) }
}

function endsAt(deletions: Landing['deletions'], lastPutMs: number): number {
  return Math.max(lastPutMs, ...deletions.map(({ atMs }) => atMs))
}

/** The oldest go, a while after they landed, but never the newest. */
function retainLess(
  { segments }: LandedLife,
  random: SeededRandom,
  remove: (segment: LandedSegment, fromMs: number) => void,
): void {
  let atMs = 0
  for (const segment of segments.slice(0, random.between(0, segments.length - 1))) {
    atMs = Math.max(atMs, ...segment.puts.map(put => put.atMs)) + random.span(1, 25_000)
    remove(segment, atMs)
  }
}

/** What had not landed when the topic was deleted never will. */
function cutAt(life: LandedLife, endMs: number): LandedLife {
  const segments = life.segments.flatMap(segment => {
    const puts = segment.puts.filter(put => put.atMs < endMs)
    if (puts.length === segment.puts.length) return [segment]
    return puts.length === 0 ? [] : [{ ...segment, puts, counts: false }]
  })
  return { ...life, segments }
}

interface LifeToLand {
  readonly partition: number
  readonly number: number
  readonly fromMs: number
}

function landLife(
  options: LandingOptions,
  { partition, number, fromMs }: LifeToLand,
  before?: LandedLife,
): LandedLife {
  const { topic, settleMs } = options
  const random = options.randomOf(`${partition}.${number}`)
  const taken = new Set(before?.segments.map(segment => segment.baseOffset))
  // A topic that begins again begins at 0; were its keys those of its first life, that would be a replaced segment, which stops for good.
  const starts =
    options.recreation === true ? ([7n, 1_003n] as const) : ([0n, 0n, 7n, 4_000_000_000n] as const)
  let nextOffset = number > 0 ? 0n : random.pick<bigint>(starts)
  while (taken.has(nextOffset)) nextOffset++
  const segments: LandedSegment[] = []
  const count = random.between(1, options.segments)
  let nowMs = fromMs + random.span(0, options.pauseMs)

  for (let position = 0; position < count; position++) {
    const isEdge = position === 0 || position === count - 1
    const drawn: Fortune = isEdge ? 'whole' : fortuneOf(random)
    const fortune: Fortune = drawn === 'overtaken' && !options.overtaking ? 'late-index' : drawn
    const place = { topic, partition, baseOffset: nextOffset }
    const isFlood = options.flood === true && partition === 0 && position === Math.floor(count / 2)
    const draw = (edition: bigint) =>
      drawSegment({ ...place, random, createdAtMs: options.createdAtMs, life: number, edition, isFlood })
    const puts: { atMs: number; key: string; body: Uint8Array }[] = []
    const put = (atMs: number, extension: 'kfs' | 'index', { segment, index }: WrittenSegment) =>
      puts.push(
        extension === 'kfs'
          ? { atMs, key: segmentObjectKey(place), body: segment }
          : { atMs, key: indexObjectKey(place), body: index },
      )
    const putBoth = (written: WrittenSegment) => {
      put(nowMs + random.span(0, UPLOAD_MS), 'kfs', written)
      put(nowMs + random.span(0, UPLOAD_MS), 'index', written)
      nowMs += UPLOAD_MS
    }

    let landed = draw(0n)
    if (fortune === 'whole') putBoth(landed.written)
    if (fortune === 'late-index') {
      put(nowMs, 'kfs', landed.written)
      nowMs += random.span(0, 3 * settleMs)
      put(nowMs, 'index', landed.written)
    }
    if (fortune === 'orphan') {
      put(nowMs, 'kfs', landed.written)
      nowMs += settleMs + UPLOAD_MS + random.span(100, 3 * settleMs)
      landed = draw(1n)
      putBoth(landed.written)
    }
    if (fortune === 'quickly-replaced') {
      put(nowMs, 'kfs', landed.written)
      nowMs += random.span(0, settleMs)
      landed = draw(1n)
      put(nowMs, 'kfs', landed.written)
      nowMs += random.span(0, UPLOAD_MS)
      put(nowMs, 'index', landed.written)
    }
    if (fortune === 'overtaken') {
      put(nowMs, 'kfs', landed.written)
      put(nowMs + random.span(0, settleMs - MARGIN_MS), 'index', landed.written)
    }
    if (fortune === 'never-indexed') put(nowMs, 'kfs', landed.written)

    const { endOffset, rows, broken, control } = landed
    segments.push({
      baseOffset: nextOffset,
      endOffset,
      rows,
      broken,
      control,
      puts,
      counts: fortune !== 'never-indexed' && fortune !== 'never-landed',
    })
    nextOffset = endOffset
    while (taken.has(nextOffset)) nextOffset++
    nowMs += random.span(1, options.pauseMs)
  }
  return { topic, partition, number, segments }
}

function fortuneOf(random: SeededRandom): Fortune {
  const draw = random.next()
  if (draw < 0.48) return 'whole'
  if (draw < 0.66) return 'late-index'
  if (draw < 0.76) return 'orphan'
  if (draw < 0.84) return 'quickly-replaced'
  if (draw < 0.9) return 'overtaken'
  return draw < 0.95 ? 'never-indexed' : 'never-landed'
}

/** Where a life ends, exclusive; what the brokers lost at its end is not known to anybody. */
export function endOfLife({ segments }: LandedLife): bigint {
  return segments.findLast(({ counts }) => counts)?.endOffset ?? 0n
}
