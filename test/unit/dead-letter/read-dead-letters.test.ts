import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DeadLetterRow, readDeadLetters } from '../../../services/dead-letter/read-dead-letters.ts'
import { FIRST_TIMESTAMP_MS, landBatches } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'
import { utf8 } from '../../fakes/segment-rows.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
})
afterEach(() => pipeline.close())

test('a dead letter is the record as it was, and why it is no row', async () => {
  const headers = [
    { key: utf8('trace'), value: utf8('1') },
    { key: utf8('trace'), value: null },
  ]
  const record = {
    timestampMs: FIRST_TIMESTAMP_MS,
    key: utf8('k'),
    value: new Uint8Array([0xff, 0x00]),
    headers,
  }
  await landBatches(pipeline.source, [{ codec: 'zstd', records: [record] }], { base: 7 })
  await pipeline.settle()
  const rows: DeadLetterRow[] = []
  for await (const row of readDeadLetters(pipeline, (await pipeline.declare()).deadLetters)) rows.push(row)
  expect(rows).toHaveLength(1)
  expect(rows[0]).toMatchObject({
    topic: 'orders',
    partition: 0,
    offset: 7n,
    timestamp: BigInt(FIRST_TIMESTAMP_MS) * 1000n,
    failed_schema_id: 0,
    failed_at: BigInt(pipeline.runtime.nowMs()) * 1000n,
  })
  expect(rows[0]?.key).toEqual(utf8('k'))
  expect(rows[0]?.value).toEqual(new Uint8Array([0xff, 0x00]))
  expect(rows[0]?.headers).toEqual([
    { key: 'trace', value: utf8('1') },
    { key: 'trace', value: null },
  ])
  expect(rows[0]?.error_code).toEqual(expect.stringMatching(/^[a-z0-9-]+$/))
  expect(String(rows[0]?.error_message).length).toBeGreaterThan(10)
})
