import { describe, expect, test } from 'vitest'
import type { ColumnValue } from '../../../shared/columns/column-values.ts'
import { createParquetWriter } from '../../../shared/parquet/parquet-writer.ts'
import { type ParquetSource, readParquetColumns } from '../../../shared/parquet/read-parquet.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { batchOf, type Row, schemaOf } from './batches.ts'
import { EVERY_TYPE_ROWS, EVERY_TYPE_SCHEMA } from './every-type.ts'

const SCHEMA = schemaOf(
  {
    id: 1,
    name: '_kafka',
    required: false,
    type: {
      kind: 'struct',
      fields: [
        { id: 2, name: 'offset', required: true, type: { kind: 'long' } },
        { id: 3, name: 'key', required: false, type: { kind: 'binary' } },
      ],
    },
  },
  { id: 4, name: 'a.b', required: true, type: { kind: 'int' } },
)

const rowOf = (i: number): Row => ({
  _kafka:
    i === 5
      ? null
      : { offset: 2n ** 60n + BigInt(i), key: new Uint8Array(40).map((_, k) => (i * k * 31) & 255) },
  'a.b': i,
})

async function fileOf(count: number, rowGroupBytes: number): Promise<ArrayBuffer> {
  const writer = createParquetWriter({ schema: SCHEMA, compression: 'zstd', rowGroupBytes })
  for (let at = 0; at < count; at += 1000) {
    await writer.append(
      batchOf(
        SCHEMA,
        Array.from({ length: Math.min(1000, count - at) }, (_, i) => rowOf(at + i)),
      ),
    )
  }
  return new Uint8Array((await writer.finish()).bytes).buffer
}

/** Counts the bytes that are fetched. */
function counted(file: ArrayBuffer) {
  const source = {
    byteLength: file.byteLength,
    fetched: 0,
    slice: (start: number, end?: number) => {
      const piece = file.slice(start, end)
      source.fetched += piece.byteLength
      return piece
    },
  }
  return source
}

describe('readParquetColumns', () => {
  test('a column inside a struct is read exactly, in order, without its siblings', async () => {
    const source = counted(await fileOf(20_000, 500_000))
    const offsets: ColumnValue[] = []
    const starts: number[] = []
    for await (const rows of readParquetColumns(source, ['_kafka.offset'])) {
      starts.push(rows.rowStart)
      offsets.push(...(rows.columns.get('_kafka.offset') ?? []))
    }
    expect(offsets).toEqual(
      Array.from({ length: 20_000 }, (_, i) => (i === 5 ? null : 2n ** 60n + BigInt(i))),
    )
    expect(starts.length).toBeGreaterThan(2)
    // hyparquet fetches up to 512 KB for the footer; the keys beside the offsets are 40 incompressible bytes each.
    expect(source.fetched).toBeLessThan(512 * 1024 + 20_000 * 10)
  })

  test('a row group larger than a window comes in windows', async () => {
    const windows: [number, number][] = []
    let next = 0
    for await (const rows of readParquetColumns(await fileOf(25_000, 100_000_000), ['a.b', '_kafka'])) {
      windows.push([rows.rowStart, rows.rowCount])
      for (const value of rows.columns.get('a.b') ?? []) expect(value).toBe(next++)
      expect(rows.columns.get('_kafka')?.[0]).toEqual(rowOf(rows.rowStart)._kafka)
    }
    expect(windows).toEqual([
      [0, 20_000],
      [20_000, 5000],
    ])
  })

  test('values of every type come in exact shapes, also when only some columns are read', async () => {
    const writer = createParquetWriter({ schema: EVERY_TYPE_SCHEMA, compression: 'gzip' })
    await writer.append(batchOf(EVERY_TYPE_SCHEMA, EVERY_TYPE_ROWS))
    const file = new Uint8Array((await writer.finish()).bytes).buffer
    const names = ['counts', 'decimal_7', 'lines', 'timestamptz_11', 'uuid_13']
    for await (const rows of readParquetColumns(file, names)) {
      for (const name of names) expect(rows.columns.get(name)).toEqual(EVERY_TYPE_ROWS.map(row => row[name]))
    }
  })

  test('a damaged page or footer is a typed error; a failing source keeps its own', async () => {
    const file = await fileOf(100, 1_000_000)
    const readAll = async (source: ParquetSource) => {
      for await (const _ of readParquetColumns(source, ['a.b', '_kafka']));
    }
    const damaged = file.slice(0)
    new Uint8Array(damaged, 4, 30).fill(0xff)
    await expect(readAll(damaged)).rejects.toMatchObject({ code: 'parquet-malformed', next: 'park' })
    await expect(readAll(file.slice(0, -1))).rejects.toMatchObject({ code: 'parquet-malformed' })
    const failure = new AppError({ code: 'object-missing', next: 'park', message: 'gone' })
    const failing = { byteLength: file.byteLength, slice: () => Promise.reject(failure) }
    await expect(readAll(failing)).rejects.toBe(failure)
  })

  test.each(['missing', '_kafka.missing', '_kafka.offset.x', ''])(
    'column %j is refused with the names there are',
    async column => {
      const file = await fileOf(10, 1000)
      const read = async () => {
        for await (const _ of readParquetColumns(file, [column]));
      }
      await expect(read()).rejects.toMatchObject({
        code: 'parquet-column-missing',
        message: expect.stringContaining('_kafka, a.b'),
      })
    },
  )
})
