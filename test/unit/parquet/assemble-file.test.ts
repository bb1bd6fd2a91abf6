import { parquetReadObjects } from 'hyparquet'
import { describe, expect, test } from 'vitest'
import { assembleFile, takeApart } from '../../../shared/parquet/assemble-file.ts'
import { readParquetFooter } from '../../../shared/parquet/parquet-footer.ts'
import { createParquetWriter } from '../../../shared/parquet/parquet-writer.ts'
import { readParquetRows } from '../../../shared/parquet/read-parquet.ts'
import { batchOf, schemaOf } from './batches.ts'

const SCHEMA = schemaOf(
  { id: 1, name: 'key', required: true, type: { kind: 'long' } },
  { id: 2, name: 'text', required: false, type: { kind: 'string' } },
)

async function fileOf(from: number, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const writer = createParquetWriter({ schema: SCHEMA, compression: 'none' })
  await writer.append(batchOf(SCHEMA, rowsOf(from, count)))
  return new Uint8Array((await writer.finish()).bytes)
}

function rowsOf(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => ({
    key: BigInt(from + i) * 1_000_003n,
    text: i % 5 === 0 ? null : `row ${from + i}`,
  }))
}

describe('joining Parquet files', () => {
  test('taking one file apart and assembling it gives the same bytes', async () => {
    const file = await fileOf(0, 100)
    expect(assembleFile([takeApart(file)], new Set())).toEqual(file)
  })

  test('rows of all parts follow each other, and a part of several row groups keeps them', async () => {
    const [a, b, c] = [await fileOf(0, 10), await fileOf(10, 20), await fileOf(30, 5)]
    const ab = assembleFile([takeApart(a), takeApart(b)], new Set())
    const abc = assembleFile([takeApart(ab), takeApart(c)], new Set())
    expect(readParquetFooter(abc).row_groups.map(group => Number(group.num_rows))).toEqual([10, 20, 5])
    expect(await readParquetRows(abc.buffer)).toEqual([...rowsOf(0, 10), ...rowsOf(10, 20), ...rowsOf(30, 5)])
  })

  test('column and offset indexes still describe their pages: a filter by page index finds its rows', async () => {
    const parts = [await fileOf(0, 50_000), await fileOf(50_000, 50_000)].map(takeApart)
    const joined = assembleFile(parts, new Set())
    const key = 70_001n * 1_000_003n
    const bytesRead: number[] = []
    const source = {
      byteLength: joined.length,
      slice: (start: number, end?: number) => {
        const piece = joined.slice(start, end)
        bytesRead.push(piece.length)
        return piece.buffer
      },
    }
    const metadata = readParquetFooter(joined)
    const rows = await parquetReadObjects({
      file: source,
      metadata,
      filter: { key: { $eq: key } },
      usePageIndex: true,
      rowFormat: 'object',
    })
    expect(rows).toEqual([{ key, text: 'row 70001' }])
    expect(bytesRead.reduce((sum, length) => sum + length, 0)).toBeLessThan(joined.length / 2)
  })

  test.each([
    ['an empty file', new Uint8Array(0)],
    ['no magic', new Uint8Array(100)],
    ['a footer longer than the file', Uint8Array.of(80, 65, 82, 49, 0xff, 0xff, 0, 0, 80, 65, 82, 49)],
  ])('%s is refused', (_, bytes) => {
    expect(() => takeApart(bytes)).toThrow(expect.objectContaining({ code: 'parquet-malformed' }))
  })
})
