/**
 * The manifest of the golden segments: what the producers sent and which offset the broker gave each record.
 * It is made from the clients' answers alone; nothing in it was read from a segment.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { OutgoingRecord, Produced } from './clients.ts'

export const GOLDEN_FOLDER = join(import.meta.dirname, '../../golden/segments')
/** Longer keys and values are kept as a digest. */
const MAX_INLINE_BYTES = 128

/** Base64, null, or the digest of a long one. */
const bytesSchema = z.union([z.string(), z.null(), z.object({ sha256: z.string(), length: z.int() })])
const headersSchema = z.array(z.tuple([z.string(), bytesSchema]))

/** Offset, Unix ms, key, value, and headers unless there are none. */
const recordSchema = z.union([
  z.tuple([z.int(), z.int(), bytesSchema, bytesSchema]),
  z.tuple([z.int(), z.int(), bytesSchema, bytesSchema, headersSchema]),
])

const specialSchema = z.object({ partition: z.int(), offset: z.int(), what: z.string() })

const topicSchema = z.object({
  topic: z.string(),
  /** How it was made, and what is peculiar about it. */
  note: z.string(),
  partitions: z.array(
    z.object({
      partition: z.int(),
      /** Offsets, inclusive, that lie between segments and that no segment holds. */
      absent: z.array(z.tuple([z.int(), z.int()])),
      records: z.array(recordSchema),
    }),
  ),
  /** Of `orders`: the records that do not fit its schema, and those that look odd and fit. */
  broken: z.array(specialSchema).optional(),
  unusual: z.array(specialSchema).optional(),
})

export const manifestSchema = z.object({
  broker: z.string(),
  clients: z.array(z.string()),
  namespace: z.string(),
  topics: z.array(topicSchema),
})

export type Manifest = z.infer<typeof manifestSchema>
export type ManifestTopic = z.infer<typeof topicSchema>
export type ManifestRecord = z.infer<typeof recordSchema>

export function readManifest(folder: string = GOLDEN_FOLDER): Manifest {
  return manifestSchema.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
}

type Bytes = Pick<OutgoingRecord, 'key'>['key']

export function manifestRecord(
  offset: number,
  { timestamp, key, value, headers }: Omit<OutgoingRecord, 'topic' | 'partition'>,
): ManifestRecord {
  const described = headers.map(([name, bytes]): [string, z.infer<typeof bytesSchema>] => [
    name,
    describe(bytes),
  ])
  const base: [number, number, z.infer<typeof bytesSchema>, z.infer<typeof bytesSchema>] = [
    offset,
    timestamp,
    describe(key),
    describe(value),
  ]
  return described.length === 0 ? base : [...base, described]
}

function describe(bytes: Bytes): z.infer<typeof bytesSchema> {
  if (bytes === null) return null
  if (bytes.byteLength <= MAX_INLINE_BYTES) return bytes.toString('base64')
  return { sha256: createHash('sha256').update(bytes).digest('hex'), length: bytes.byteLength }
}

/** What a topic's producers sent and were acknowledged, by partition. A failed record is in no partition. */
export function manifestPartitions(produced: readonly Produced[]): ManifestTopic['partitions'] {
  const partitions = new Map<number, ManifestRecord[]>()
  for (const { record, answer } of produced.flatMap(({ answers }) => answers)) {
    if ('error' in answer) continue
    const records = partitions.get(answer.partition) ?? []
    partitions.set(answer.partition, records)
    records.push(manifestRecord(answer.offset, record))
  }
  return [...partitions]
    .sort(([a], [b]) => a - b)
    .map(([partition, records]) => ({ partition, absent: absentRanges(records), records }))
}

function absentRanges(records: readonly ManifestRecord[]): [number, number][] {
  return records.slice(1).flatMap(([offset], i): [number, number][] => {
    const next = (records[i]?.[0] ?? offset) + 1
    return next < offset ? [[next, offset - 1]] : []
  })
}

/** One line per record, so that a change shows as what it is. */
export function manifestText({ topics, ...rest }: Manifest): string {
  const lines = [JSON.stringify(rest).replace(/}$/, ',"topics":[')]
  topics.forEach(({ partitions, ...topic }, t) => {
    lines.push(JSON.stringify(topic).replace(/}$/, ',"partitions":['))
    partitions.forEach(({ records, ...partition }, p) => {
      lines.push(JSON.stringify(partition).replace(/}$/, ',"records":['))
      lines.push(records.map(record => JSON.stringify(record)).join(',\n'))
      lines.push(p < partitions.length - 1 ? ']},' : ']}]')
    })
    lines.push(t < topics.length - 1 ? '},' : '}')
  })
  lines.push(']}', '')
  return lines.join('\n')
}
