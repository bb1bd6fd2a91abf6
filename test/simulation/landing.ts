/**
 * What the brokers of a simulated world land, and when; and what must be in the table at the end. Decided from the seed beforehand, so
 * that what is expected does not depend on what the pipeline does.
 *
 * Brokers behave as docs/kfs.md says: the two objects of a segment land within moments of each other, in either order; after a crash an
 * unindexed `.kfs` is overwritten by another object under its key; offsets may be missing between and within segments.
 */
import type { WriterCodec } from '../../shared/segment/codec.ts'
import type { BatchToWrite } from '../../shared/segment/record-batch-writer.ts'
import type { RecordToWrite } from '../../shared/segment/record-encoder.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import { encodeSegment, type WrittenSegment } from '../../shared/segment/segment-writer.ts'
import { utf8 } from '../fakes/segment-rows.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface ExpectedPartition {
  readonly partition: number
  readonly firstOffset: bigint
  /** Exclusive. */
  readonly endOffset: bigint
  /** The `id` column by offset. */
  readonly rows: ReadonlyMap<bigint, bigint>
  /** Offsets of records that do not decode. */
  readonly broken: ReadonlySet<bigint>
  /** Offsets that no segment holds; ends exclusive. */
  readonly sourceGaps: readonly { readonly startOffset: bigint; readonly endOffset: bigint }[]
}

export interface Landing {
  readonly topic: string
  readonly objects: readonly { readonly atMs: number; readonly key: string; readonly body: Uint8Array }[]
  readonly partitions: readonly ExpectedPartition[]
  /** When the last object has landed, ms from the start. */
  readonly endsAtMs: number
}

export interface LandingOptions {
  readonly random: SeededRandom
  readonly topic: string
  readonly partitions: number
  /** At most this many of each partition. */
  readonly segments: number
  readonly settleMs: number
  /** At most this long between segments. */
  readonly pauseMs: number
  readonly createdAtMs: number
}

const CODECS: readonly [WriterCodec, ...WriterCodec[]] = [
  'none',
  'gzip',
  'snappy',
  'snappy-raw',
  'lz4',
  'zstd',
]
/** The two objects of a segment land within this of each other. */
const UPLOAD_MS = 3500
const MAX_RECORDS_PER_BATCH = 4
const BROKEN_VALUES = ['{"id":', 'null', '{"name":"no id"}', '{"id":"seven"}', '']

type Fortune = 'whole' | 'late-index' | 'orphan' | 'quickly-replaced' | 'never-indexed' | 'never-landed'

export function planLanding(options: LandingOptions): Landing {
  const { random, topic } = options
  const objects: { atMs: number; key: string; body: Uint8Array }[] = []
  const partitions = Array.from({ length: options.partitions }, (_, partition) =>
    landPartition(options, partition, objects),
  )
  objects.sort((a, b) => a.atMs - b.atMs)
  return { topic, objects, partitions, endsAtMs: (objects.at(-1)?.atMs ?? 0) + random.span(0, 1) }
}

function landPartition(
  options: LandingOptions,
  partition: number,
  objects: { atMs: number; key: string; body: Uint8Array }[],
): ExpectedPartition {
  const { random, topic, settleMs } = options
  const firstOffset = random.pick([0n, 0n, 7n, 4_000_000_000n])
  const rows = new Map<bigint, bigint>()
  const broken = new Set<bigint>()
  const gaps: { startOffset: bigint; endOffset: bigint }[] = []
  const segments = random.between(1, options.segments)
  let nextOffset = firstOffset
  let nowMs = random.span(0, options.pauseMs)

  for (let number = 0; number < segments; number++) {
    const fortune = number === 0 || number === segments - 1 ? 'whole' : fortuneOf(random)
    const place = { topic, partition, baseOffset: nextOffset }
    const draft = writeSegment(options, place, 0n)
    const put = (atMs: number, extension: 'kfs' | 'index', { segment, index }: WrittenSegment) =>
      objects.push(
        extension === 'kfs'
          ? { atMs, key: segmentObjectKey(place), body: segment }
          : { atMs, key: indexObjectKey(place), body: index },
      )
    const putBoth = (written: WrittenSegment) => {
      put(nowMs + random.span(0, UPLOAD_MS), 'kfs', written)
      put(nowMs + random.span(0, UPLOAD_MS), 'index', written)
      nowMs += UPLOAD_MS
    }

    let landed: Draft | undefined = draft
    if (fortune === 'whole') putBoth(draft.written)
    if (fortune === 'late-index') {
      put(nowMs, 'kfs', draft.written)
      nowMs += random.span(0, 3 * settleMs)
      put(nowMs, 'index', draft.written)
    }
    if (fortune === 'orphan') {
      put(nowMs, 'kfs', draft.written)
      nowMs += settleMs + UPLOAD_MS + random.span(100, 3 * settleMs)
      landed = writeSegment(options, place, 1n)
      putBoth(landed.written)
    }
    if (fortune === 'quickly-replaced') {
      put(nowMs, 'kfs', draft.written)
      nowMs += random.span(0, settleMs)
      landed = writeSegment(options, place, 1n)
      put(nowMs, 'kfs', landed.written)
      nowMs += random.span(0, UPLOAD_MS)
      put(nowMs, 'index', landed.written)
    }
    if (fortune === 'never-indexed') put(nowMs, 'kfs', draft.written)
    if (fortune === 'never-indexed' || fortune === 'never-landed') landed = undefined

    const endOffset = (landed ?? draft).written.lastOffset + 1n
    if (landed === undefined) gaps.push({ startOffset: nextOffset, endOffset })
    for (const [offset, id] of landed?.rows ?? []) rows.set(offset, id)
    for (const offset of landed?.broken ?? []) broken.add(offset)
    nextOffset = endOffset
    nowMs += random.span(1, options.pauseMs)
  }
  return { partition, firstOffset, endOffset: nextOffset, rows, broken, sourceGaps: mergeTouching(gaps) }
}

function fortuneOf(random: SeededRandom): Fortune {
  const draw = random.next()
  if (draw < 0.5) return 'whole'
  if (draw < 0.7) return 'late-index'
  if (draw < 0.8) return 'orphan'
  if (draw < 0.88) return 'quickly-replaced'
  return draw < 0.94 ? 'never-indexed' : 'never-landed'
}

interface Draft {
  readonly written: WrittenSegment
  readonly rows: ReadonlyMap<bigint, bigint>
  readonly broken: ReadonlySet<bigint>
}

/** `edition` tells the records of a replaced object from those of the one that replaced it. */
function writeSegment(
  { random, createdAtMs }: LandingOptions,
  { partition, baseOffset }: { readonly partition: number; readonly baseOffset: bigint },
  edition: bigint,
): Draft {
  const rows = new Map<bigint, bigint>()
  const broken = new Set<bigint>()
  const batches: BatchToWrite[] = []
  let nextOffset = baseOffset
  for (let left = random.between(1, 3); left > 0; left--) {
    const isControl = left > 1 && random.chance(0.1)
    const records: RecordToWrite[] = []
    let offsetDelta = 0
    const count = isControl ? 1 : random.between(1, MAX_RECORDS_PER_BATCH)
    for (let i = 0; i < count; i++) {
      const offset = nextOffset + BigInt(offsetDelta)
      const isBroken = random.chance(0.12)
      const id = (BigInt(partition) * 10n + edition) * 10_000_000_000n + offset
      const value = isBroken
        ? random.pick(['', ...BROKEN_VALUES])
        : `{"id":${id},"name":"${random.pick(['ann', 'bo', 'çelik'])}"}`
      records.push({
        offsetDelta,
        timestampMs: createdAtMs + Number(offset % 1000n),
        key: random.chance(0.3) ? null : utf8(`k${id % 3n}`),
        value: utf8(value),
      })
      if (!isControl && isBroken) broken.add(offset)
      if (!isControl && !isBroken) rows.set(offset, id)
      offsetDelta += random.chance(0.1) ? random.between(2, 4) : 1
    }
    const lastDelta = records.at(-1)?.offsetDelta ?? 0
    const lastOffsetDelta = random.chance(0.1) ? lastDelta + 2 : lastDelta
    batches.push({ codec: random.pick(CODECS), records, lastOffsetDelta, ...(isControl && { isControl }) })
    nextOffset += BigInt(lastOffsetDelta) + 1n
  }
  return { written: encodeSegment({ baseOffset, createdAtMs, batches }), rows, broken }
}

function mergeTouching(ranges: readonly { startOffset: bigint; endOffset: bigint }[]) {
  const merged: { startOffset: bigint; endOffset: bigint }[] = []
  for (const range of ranges) {
    const last = merged.at(-1)
    if (last !== undefined && last.endOffset === range.startOffset) last.endOffset = range.endOffset
    else merged.push({ ...range })
  }
  return merged
}
