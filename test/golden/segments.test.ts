/**
 * Segments that a real broker wrote for real clients (test/golden/segments/README.md), held against what those clients sent.
 * The manifest was made from the clients' answers, not from the segments.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inspectSegment } from '../../services/segment-tools/inspect-segment.ts'
import { walkRecordBatches } from '../../shared/segment/record-batch.ts'
import { parseSegment } from '../../shared/segment/segment-file.ts'
import { parseIndex } from '../../shared/segment/segment-index.ts'
import { assembleSegment } from '../../shared/segment/segment-writer.ts'
import { GOLDEN_FOLDER, readManifest } from '../interop/kafscale/manifest.ts'
import { recordsOfSegment } from '../interop/kafscale/segment-records.ts'

const manifest = readManifest()

interface GoldenSegment {
  readonly key: string
  readonly bytes: Uint8Array
  readonly index: Uint8Array | undefined
}

/** In offset order, orphans included. */
function segmentsOf(topic: string, partition: number): GoldenSegment[] {
  const folder = join(manifest.namespace, topic, `${partition}`)
  const read = (name: string) => new Uint8Array(readFileSync(join(GOLDEN_FOLDER, folder, name)))
  return readdirSync(join(GOLDEN_FOLDER, folder))
    .filter(name => name.endsWith('.kfs'))
    .sort()
    .map(name => {
      const indexName = name.replace(/kfs$/, 'index')
      const hasIndex = existsSync(join(GOLDEN_FOLDER, folder, indexName))
      return { key: `${folder}/${name}`, bytes: read(name), index: hasIndex ? read(indexName) : undefined }
    })
}

const ALL = manifest.topics.flatMap(({ topic, partitions }) =>
  partitions.flatMap(({ partition }) => segmentsOf(topic, partition)),
)

describe.each(manifest.topics)('$topic', ({ topic, partitions }) => {
  test.each(partitions)('partition $partition holds exactly the records that the clients sent', ({ partition, records }) => {
    const counted = segmentsOf(topic, partition).filter(segment => segment.index !== undefined)
    const found = counted.flatMap(recordsOfSegment)
    expect(found.length).toBe(records.length)
    expect(found).toEqual(records)
  })
})

describe('every segment', () => {
  test('is put together by our writer byte for byte as by the broker, and so is its index', () => {
    for (const { key, bytes, index } of ALL) {
      const parsed = parseSegment(bytes, { key })
      const batches = [...walkRecordBatches(bytes, parsed)].map(header => ({
        bytes: bytes.subarray(header.position, header.endPosition),
        baseOffset: header.baseOffset,
        lastOffset: header.lastOffset,
        recordCount: header.recordCount,
      }))
      const written = assembleSegment(batches, { createdAtMs: parsed.createdAtMs })
      expect(Buffer.compare(written.segment, bytes), key).toBe(0)
      if (index !== undefined) expect(Buffer.from(written.index).equals(index), key).toBe(true)
    }
  })

  test('has no problem on inspection', () => {
    for (const { key, bytes, index } of ALL) {
      const options = index === undefined ? { key } : { key, indexBytes: index }
      expect(inspectSegment(bytes, options).problems, key).toEqual([])
    }
  })
})

test('together they hold every codec, both framings of snappy, several batches a segment and several index entries', () => {
  const seen = new Set<string>()
  for (const { key, bytes, index } of ALL) {
    const headers = [...walkRecordBatches(bytes, parseSegment(bytes, { key }))]
    for (const { codec, recordsStart } of headers) {
      const isXerial = Buffer.from(bytes.subarray(recordsStart, recordsStart + 8)).equals(
        Buffer.from('82534e4150505900', 'hex'),
      )
      seen.add(codec === 'snappy' ? (isXerial ? 'snappy in xerial' : 'snappy bare') : codec)
    }
    if (headers.length > 1) seen.add('several batches')
    if (index !== undefined && parseIndex(index, { key }).entries.length > 1) seen.add('several index entries')
  }
  expect([...seen].sort()).toEqual(
    ['none', 'gzip', 'snappy in xerial', 'snappy bare', 'lz4', 'zstd', 'several batches', 'several index entries'].sort(),
  )
})
