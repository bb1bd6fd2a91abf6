/** The generated scanner and its plain twin give the same bytes and refuse the same records, whatever comes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createArena } from '../../../shared/columns/arena.ts'
import { createBatchBuilder } from '../../../shared/columns/batch-builder.ts'
import { digestBatch } from '../../../shared/columns/column-digest.ts'
import { createJsonDecoder } from '../../../shared/decode/json-decoder.ts'
import { createSimpleJsonDecoder } from '../../../shared/decode/json-decoder-simple.ts'
import type { RecordFailure } from '../../../shared/decode/record-failure.ts'
import { recordSlicesOf } from '../../unit/decode/record-slices-of.ts'
import { type RandomCase, randomCase } from './random-json.ts'

/** A sample in every run; `PROPERTY_RUNS=20000` for the long one. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 80)

interface Outcome {
  readonly digest: string[]
  readonly rowRecords: number[]
  readonly failures: [number, RecordFailure][]
}

/** Decodes twice into the same buffers, so that what an earlier batch left in them would show. */
function decodeWith(make: typeof createJsonDecoder, random: RandomCase): Outcome {
  const { schema, fieldOptions, unknownFields, records } = random
  const builder = createBatchBuilder(schema.fields, createArena())
  const decoder = make({ builder, fieldOptions, unknownFields })
  const slices = recordSlicesOf(records.map(value => ({ value })))
  const rowRecords = new Int32Array(records.length)
  builder.ensureRows(records.length)
  decoder.decode(slices, { from: 0, to: records.length, row: 0 }, rowRecords, () => undefined)
  builder.take(0)
  builder.reset()
  const failures: [number, RecordFailure][] = []
  const rows = decoder.decode(slices, { from: 0, to: records.length, row: 0 }, rowRecords, (index, failure) =>
    failures.push([index, failure]),
  )
  return { digest: digestBatch(builder.take(rows)), rowRecords: [...rowRecords.subarray(0, rows)], failures }
}

test('both JSON decoders agree on any records of any schema', { timeout: 30_000 + 100 * RUNS }, () => {
  const counts = { rows: 0, failures: 0 }
  fc.assert(
    fc.property(fc.integer(), seed => {
      const random = randomCase(seed)
      const fast = decodeWith(createJsonDecoder, random)
      const simple = decodeWith(createSimpleJsonDecoder, random)
      expect(fast).toEqual(simple)
      expect(fast.rowRecords.length + fast.failures.length).toBe(random.records.length)
      counts.rows += fast.rowRecords.length
      counts.failures += fast.failures.length
    }),
    { numRuns: RUNS },
  )
  // The cases must hold both kinds, or the agreement says little.
  expect(counts.rows).toBeGreaterThan(RUNS)
  expect(counts.failures).toBeGreaterThan(RUNS)
})
