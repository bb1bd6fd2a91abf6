import { describe, expect, test } from 'vitest'
import type { NestedField, Schema } from '../../../shared/iceberg/schema.ts'
import { readParquetFooter } from '../../../shared/parquet/parquet-footer.ts'
import {
  createParquetWriter,
  type ParquetCompression,
  type ParquetFile,
} from '../../../shared/parquet/parquet-writer.ts'
import { readParquetRows } from '../../../shared/parquet/read-parquet.ts'
import { batchOf, type Row, schemaOf } from './batches.ts'
import { EVERY_TYPE_ROWS, EVERY_TYPE_SCHEMA } from './every-type.ts'

const LONG_KEY: NestedField = { id: 1, name: 'key', required: true, type: { kind: 'long' } }

interface WriteOptions {
  readonly compression?: ParquetCompression
  readonly rowGroupBytes?: number
  readonly rowsPerBatch?: number
}

async function write(schema: Schema, rows: readonly Row[], options: WriteOptions = {}): Promise<ParquetFile> {
  const { compression = 'zstd', rowsPerBatch = rows.length, ...rest } = options
  const writer = createParquetWriter({ schema, compression, ...rest })
  for (let at = 0; at < rows.length; at += rowsPerBatch) {
    await writer.append(batchOf(schema, rows.slice(at, at + rowsPerBatch)))
  }
  return writer.finish()
}

const read = (file: ParquetFile) => readParquetRows(toBuffer(file.bytes))

function toBuffer(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  return copy
}

describe('what is written is what an outside reader reads', () => {
  test.each<ParquetCompression>(['zstd', 'snappy', 'gzip', 'lz4', 'none'])(
    'rows of every type, with nulls and empties, compressed with %s',
    async compression => {
      const file = await write(EVERY_TYPE_SCHEMA, EVERY_TYPE_ROWS, { compression })
      expect(await read(file)).toEqual(EVERY_TYPE_ROWS)
      const codec = readParquetFooter(file.bytes).row_groups[0]?.columns[0]?.meta_data?.codec
      expect(codec).toBe(
        { zstd: 'ZSTD', snappy: 'SNAPPY', gzip: 'GZIP', lz4: 'LZ4_RAW', none: 'UNCOMPRESSED' }[compression],
      )
    },
  )

  test('rows in many small batches and row groups keep their order', async () => {
    const schema = schemaOf(LONG_KEY, {
      id: 2,
      name: 'tags',
      required: false,
      type: { kind: 'list', elementId: 3, elementRequired: false, element: { kind: 'string' } },
    })
    const rows = Array.from({ length: 5000 }, (_, i) => ({
      key: BigInt(i),
      tags: i % 3 === 0 ? null : Array.from({ length: i % 4 }, (_, j) => `tag ${(i * j) % 50}`),
    }))
    const file = await write(schema, rows, { rowGroupBytes: 20_000, rowsPerBatch: 100 })
    expect(await read(file)).toEqual(rows)
    const footer = readParquetFooter(file.bytes)
    expect(footer.row_groups.length).toBeGreaterThan(4)
    expect(footer.row_groups.map(group => group.ordinal)).toEqual(footer.row_groups.map((_, i) => i))
    expect(file.splitOffsets).toEqual(
      footer.row_groups.map(group => {
        const first = group.columns[0]?.meta_data
        return first?.dictionary_page_offset ?? first?.data_page_offset
      }),
    )
    expect(file.splitOffsets[0]).toBe(4n)
    expect(file.recordCount).toBe(5000n)
  })

  test('300 columns', async () => {
    const fields = Array.from(
      { length: 300 },
      (_, i): NestedField => ({
        id: i + 1,
        name: `c${i}`,
        required: i % 2 === 0,
        type: { kind: i % 3 === 0 ? 'string' : 'long' },
      }),
    )
    const rows = [0, 1, 2].map(row =>
      Object.fromEntries(
        fields.map((field, i) => [
          field.name,
          !field.required && row === 1
            ? null
            : field.type.kind === 'string'
              ? `${row} ${i}`
              : BigInt(row * i),
        ]),
      ),
    )
    expect(await read(await write(schemaOf(...fields), rows))).toEqual(rows)
  })

  test('a struct twelve levels deep around a list, with a null at every level', async () => {
    let type: NestedField['type'] = {
      kind: 'list',
      elementId: 100,
      elementRequired: false,
      element: { kind: 'int' },
    }
    for (let level = 11; level >= 0; level--) {
      type = { kind: 'struct', fields: [{ id: 50 + level, name: `n${level}`, required: false, type }] }
    }
    const value = (nullAt: number, level = 0): Row[string] =>
      level === nullAt ? null : level === 12 ? [1, null, 2] : { [`n${level}`]: value(nullAt, level + 1) }
    const rows = Array.from({ length: 14 }, (_, nullAt) => ({ root: value(nullAt) }))
    const schema = schemaOf({ id: 1, name: 'root', required: false, type })
    expect(await read(await write(schema, rows))).toEqual(rows)
  })

  test('a batch larger than a row group becomes a row group of its own', async () => {
    const schema = schemaOf(LONG_KEY, { id: 2, name: 'text', required: true, type: { kind: 'string' } })
    const small = Array.from({ length: 3 }, (_, i) => ({ key: BigInt(i), text: 'small' }))
    const large = Array.from({ length: 3 }, (_, i) => ({ key: BigInt(i), text: 'large'.repeat(1000) }))
    const writer = createParquetWriter({ schema, compression: 'none', rowGroupBytes: 4096 })
    for (const rows of [small, large, small, large]) await writer.append(batchOf(schema, rows))
    const file = await writer.finish()
    expect(readParquetFooter(file.bytes).row_groups.map(group => Number(group.num_rows))).toEqual([
      3, 3, 3, 3,
    ])
    expect(await read(file)).toEqual([...small, ...large, ...small, ...large])
  })

  test('the buffers of a batch may be overwritten as soon as it is appended', async () => {
    const schema = schemaOf(LONG_KEY)
    const writer = createParquetWriter({ schema, compression: 'zstd' })
    const batch = batchOf(schema, [{ key: 1n }, { key: 2n }])
    await writer.append(batch)
    const column = batch.columns[0]
    if (column?.layout === 'fixed') column.data.fill(255)
    expect(await read(await writer.finish())).toEqual([{ key: 1n }, { key: 2n }])
  })

  test('page offsets in the joined file point at pages, so that a reader can skip by them', async () => {
    const schema = schemaOf(LONG_KEY)
    const rows = Array.from({ length: 60_000 }, (_, i) => ({ key: BigInt(i) * 1_000_003n }))
    const file = await write(schema, rows, { rowGroupBytes: 200_000, rowsPerBatch: 10_000 })
    const footer = readParquetFooter(file.bytes)
    expect(footer.row_groups.length).toBeGreaterThan(1)
    expect(footer.row_groups.every(group => group.columns[0]?.offset_index_offset !== undefined)).toBe(true)
    expect(await read(file)).toEqual(rows)
  })
})

describe('memory and misuse', () => {
  test('a writer with little data holds little memory, and its estimate follows the data', async () => {
    const writer = createParquetWriter({ schema: EVERY_TYPE_SCHEMA, compression: 'zstd' })
    expect(writer.bufferedBytes).toBe(0)
    await writer.append(batchOf(EVERY_TYPE_SCHEMA, EVERY_TYPE_ROWS))
    expect(writer.bufferedBytes).toBeLessThan(150_000)
    expect(writer.recordCount).toBe(4n)
    expect(writer.estimatedFileBytes).toBeGreaterThan(0)
    writer.abort()
    expect(writer.bufferedBytes).toBe(0)
  })

  test('after a row group is encoded the writer holds its encoded size and its statistics only', async () => {
    const schema = schemaOf(LONG_KEY)
    const writer = createParquetWriter({ schema, compression: 'zstd', rowGroupBytes: 80_000 })
    await writer.append(
      batchOf(
        schema,
        Array.from({ length: 10_000 }, () => ({ key: 5n })),
      ),
    )
    expect(writer.bufferedBytes).toBeLessThan(10_000)
    expect(writer.estimatedFileBytes).toBeLessThan(writer.bufferedBytes)
  })

  test('statistics of many columns count as memory, however few the rows are', async () => {
    const schema = schemaOf(
      ...Array.from({ length: 1000 }, (_, i) => ({ ...LONG_KEY, id: i + 1, name: `c${i}` })),
    )
    const writer = createParquetWriter({ schema, compression: 'zstd' })
    await writer.append(batchOf(schema, [Object.fromEntries(schema.fields.map(({ name }) => [name, 5n]))]))
    expect(writer.bufferedBytes).toBeGreaterThan(1000 * 1000)
    expect(writer.estimatedFileBytes).toBeLessThan(writer.bufferedBytes)
  })

  test('a file without rows is refused', async () => {
    const writer = createParquetWriter({ schema: schemaOf(LONG_KEY), compression: 'zstd' })
    await writer.append(batchOf(schemaOf(LONG_KEY), []))
    await expect(writer.finish()).rejects.toMatchObject({ code: 'parquet-no-rows' })
  })

  test('a null in a required field is an error, not a file', async () => {
    const writer = createParquetWriter({ schema: schemaOf(LONG_KEY), compression: 'zstd' })
    await writer.append(batchOf(schemaOf(LONG_KEY), [{ key: null }]))
    await expect(writer.finish()).rejects.toMatchObject({ code: 'parquet-encode-failed', next: 'park' })
    const after = await write(schemaOf(LONG_KEY), [{ key: 1n }])
    expect(await read(after)).toEqual([{ key: 1n }])
  })

  test('a batch of other columns is refused', () => {
    const writer = createParquetWriter({ schema: schemaOf(LONG_KEY), compression: 'zstd' })
    const other = batchOf(schemaOf({ ...LONG_KEY, id: 2 }), [{ key: 1n }])
    expect(() => writer.append(other)).toThrow(expect.objectContaining({ code: 'parquet-batch-mismatch' }))
  })

  test('a column whose buffer is shorter than its length is refused', () => {
    const writer = createParquetWriter({ schema: schemaOf(LONG_KEY), compression: 'zstd' })
    const batch = batchOf(schemaOf(LONG_KEY), [{ key: 1n }])
    const column = batch.columns[0]
    if (column?.layout === 'fixed') column.data = column.data.subarray(0, 7)
    expect(() => writer.append(batch)).toThrow(/buffer of 7 bytes where 8 are in use/)
  })
})
