import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { describe, expect, test } from 'vitest'
import { assembleFile, takeApart } from '../../../shared/parquet/assemble-file.ts'
import { compressPages } from '../../../shared/parquet/compress-pages.ts'
import { readParquetFooter, verifyParquetFile } from '../../../shared/parquet/parquet-footer.ts'
import { createParquetWriter } from '../../../shared/parquet/parquet-writer.ts'
import { readParquetRows } from '../../../shared/parquet/read-parquet.ts'
import { batchOf, schemaOf } from './batches.ts'

const ROWS = 60_000
/** Unique keys go without a dictionary, codes with one; rows enough for several pages. */
const SCHEMA = schemaOf(
  { id: 1, name: 'key', required: true, type: { kind: 'long' } },
  { id: 2, name: 'code', required: false, type: { kind: 'string' } },
)

function rowsOf(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => ({
    key: BigInt(from + i) * 1_000_003n,
    code: i % 5 === 0 ? null : `code ${(from + i) % 7}`,
  }))
}

async function uncompressed(from = 0, count = ROWS): Promise<Uint8Array> {
  const writer = createParquetWriter({ schema: SCHEMA, compression: 'none' })
  await writer.append(batchOf(SCHEMA, rowsOf(from, count)))
  return (await writer.finish()).bytes
}

const compressed = (...files: Uint8Array[]) =>
  assembleFile(
    files.map(file => compressPages(takeApart(file))),
    new Set(),
  )

describe('compressing pages', () => {
  test('keeps every value, and says zstd and the new sizes of every chunk', async () => {
    const before = await uncompressed()
    const after = compressed(before)
    expect(await readParquetRows(after.buffer)).toEqual(rowsOf(0, ROWS))
    expect(after.length).toBeLessThan(before.length / 1.5)
    const [was, is] = [before, after].map(file =>
      readParquetFooter(file).row_groups.flatMap(group => group.columns.map(column => column.meta_data)),
    )
    expect(is?.map(column => column?.codec)).toEqual(['ZSTD', 'ZSTD'])
    for (const [i, column] of (is ?? []).entries()) {
      expect(column?.total_uncompressed_size).toBe(was?.[i]?.total_uncompressed_size)
      expect(Number(column?.total_compressed_size)).toBeLessThan(Number(was?.[i]?.total_compressed_size))
      expect(column?.statistics).toEqual(was?.[i]?.statistics)
    }
  })

  test('leaves a file whose chunks and indexes lie where its footer says, row groups of several parts included', async () => {
    const file = compressed(await uncompressed(0, ROWS), await uncompressed(ROWS, 100))
    const footer = verifyParquetFile(file, SCHEMA, BigInt(ROWS + 100))
    expect(footer.splitOffsets).toHaveLength(2)
    expect(await readParquetRows(file.buffer)).toEqual([...rowsOf(0, ROWS), ...rowsOf(ROWS, 100)])
  })

  test('moves the offset index along: a filter by page index reads one page and finds its row', async () => {
    const file = compressed(await uncompressed())
    const key = 50_001n * 1_000_003n
    let bytesRead = 0
    const source = {
      byteLength: file.length,
      slice: (start: number, end?: number) => {
        const piece = file.slice(start, end)
        bytesRead += piece.length
        return piece.buffer
      },
    }
    const rows = await parquetReadObjects({
      file: source,
      metadata: readParquetFooter(file),
      filter: { key: { $eq: key } },
      usePageIndex: true,
      compressors,
    })
    expect(rows).toEqual([{ key, code: `code ${50_001 % 7}` }])
    expect(bytesRead).toBeLessThan(file.length * 0.7)
  })

  test('refuses pages that are compressed already', async () => {
    const file = compressed(await uncompressed(0, 10))
    expect(() => compressPages(takeApart(file))).toThrow('compressed already')
  })
})
