import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createParquetWriter } from '../../../shared/parquet/parquet-writer.ts'
import { readParquetRows } from '../../../shared/parquet/read-parquet.ts'
import { batchOf } from '../../unit/parquet/batches.ts'
import { schemaAndRows } from './arbitrary-rows.ts'

describe('any rows of any schema', () => {
  test('come back from hyparquet as they were appended, in any batches and row groups', async () => {
    const shape = fc.record({
      table: schemaAndRows,
      rowsPerBatch: fc.integer({ min: 1, max: 40 }),
      rowGroupBytes: fc.constantFrom(1, 2000, 1_000_000),
      compression: fc.constantFrom('zstd' as const, 'snappy' as const, 'none' as const),
    })
    await fc.assert(
      fc.asyncProperty(shape, async ({ table, rowsPerBatch, rowGroupBytes, compression }) => {
        const { schema, rows } = table
        const writer = createParquetWriter({ schema, compression, rowGroupBytes })
        for (let at = 0; at < rows.length; at += rowsPerBatch) {
          await writer.append(batchOf(schema, rows.slice(at, at + rowsPerBatch)))
        }
        const file = await writer.finish()
        const bytes = new Uint8Array(file.bytes)
        expect(await readParquetRows(bytes.buffer)).toEqual(rows)
      }),
      { numRuns: 150 },
    )
  })
})
