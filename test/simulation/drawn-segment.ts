/** One segment with everything that brokers may write into one: codecs, several batches, holes, control batches, broken records. */
import type { WriterCodec } from '../../shared/segment/codec.ts'
import type { BatchToWrite } from '../../shared/segment/record-batch-writer.ts'
import type { RecordToWrite } from '../../shared/segment/record-encoder.ts'
import { encodeSegment, type WrittenSegment } from '../../shared/segment/segment-writer.ts'
import { utf8 } from '../fakes/segment-rows.ts'
import type { SeededRandom } from './seeded-random.ts'

const CODECS: readonly [WriterCodec, ...WriterCodec[]] = [
  'none',
  'gzip',
  'snappy',
  'snappy-raw',
  'lz4',
  'zstd',
]
const MAX_RECORDS_PER_BATCH = 4
const BROKEN_VALUES = ['{"id":', 'null', '{"name":"no id"}', '{"id":"seven"}', ''] as const

export interface SegmentToDraw {
  readonly random: SeededRandom
  readonly partition: number
  readonly baseOffset: bigint
  readonly createdAtMs: number
  /** Of the partition; ids tell the lives apart. */
  readonly life: number
  /** Tells the records of a replaced object from those of the one that replaced it. */
  readonly edition: bigint
  /** Nothing in it decodes. */
  readonly isFlood: boolean
}

export interface DrawnSegment {
  readonly written: WrittenSegment
  /** Exclusive. */
  readonly endOffset: bigint
  readonly rows: ReadonlyMap<bigint, bigint>
  readonly broken: ReadonlySet<bigint>
  readonly control: ReadonlySet<bigint>
}

export function drawSegment(wanted: SegmentToDraw): DrawnSegment {
  const { random, partition, baseOffset, createdAtMs, life, edition, isFlood } = wanted
  const rows = new Map<bigint, bigint>()
  const broken = new Set<bigint>()
  const control = new Set<bigint>()
  const batches: BatchToWrite[] = []
  let nextOffset = baseOffset
  for (let left = random.between(1, 3); left > 0; left--) {
    const isControl = left > 1 && random.chance(0.1)
    const records: RecordToWrite[] = []
    let offsetDelta = 0
    const count = isControl ? 1 : random.between(1, MAX_RECORDS_PER_BATCH)
    for (let i = 0; i < count; i++) {
      const offset = nextOffset + BigInt(offsetDelta)
      const isBroken = random.chance(0.12) || isFlood
      const id = ((BigInt(life) * 10n + BigInt(partition)) * 10n + edition) * 10_000_000_000n + offset
      const value = isBroken
        ? random.pick(BROKEN_VALUES)
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
    const endOffset = nextOffset + BigInt(lastOffsetDelta) + 1n
    if (isControl) for (let offset = nextOffset; offset < endOffset; offset++) control.add(offset)
    nextOffset = endOffset
  }
  return {
    written: encodeSegment({ baseOffset, createdAtMs, batches }),
    endOffset: nextOffset,
    rows,
    broken,
    control,
  }
}
