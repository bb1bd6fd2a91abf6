/**
 * Column batches to a Parquet file: MB/s of Arrow bytes for rows like TPC-H's lineitem at zstd, and where the time goes.
 * One file of `rows` rows in batches of `rowsPerBatch`, `runs` times after a warm-up; medians of CPU time.
 */
import type { Column, ColumnBatch } from '../shared/columns/column.ts'
import type { NestedField, PrimitiveType } from '../shared/iceberg/schema.ts'
import { planRecordBatch, writeRecordBatch } from '../shared/parquet/arrow-data.ts'
import { createMetricsCollector } from '../shared/parquet/column-metrics.ts'
import { createParquetWriter, type ParquetCompression } from '../shared/parquet/parquet-writer.ts'

export interface ParquetBenchOptions {
  readonly rows?: number
  readonly rowsPerBatch?: number
  readonly runs?: number
  readonly compression?: ParquetCompression
}

export interface ParquetBenchResult {
  readonly compression: ParquetCompression
  readonly rows: number
  readonly arrow_bytes: number
  readonly file_bytes: number
  readonly mb_per_s: number
  /** Share of the whole that goes to column statistics, and to laying out and copying Arrow messages. */
  readonly metrics_share: number
  readonly arrow_share: number
  readonly peak_rss_bytes: number
}

export async function benchParquet(options: ParquetBenchOptions = {}): Promise<ParquetBenchResult> {
  const { rows = 1_000_000, rowsPerBatch = 50_000, runs = 5, compression = 'zstd' } = options
  const random = lcg(42)
  const batches: ColumnBatch[] = []
  for (let at = 0; at < rows; at += rowsPerBatch) {
    batches.push(lineitemBatch(at, Math.min(rowsPerBatch, rows - at), random))
  }
  const arrowBytes = batches.reduce((sum, batch) => sum + batch.sizeBytes, 0)
  let fileBytes = 0
  const whole: number[] = []
  const metrics: number[] = []
  const arrow: number[] = []
  let peakRss = 0
  for (let run = 0; run <= runs; run++) {
    const writer = createParquetWriter({ schema: { schemaId: 0, fields: FIELDS }, compression })
    const start = cpuMs()
    for (const batch of batches) await writer.append(batch)
    fileBytes = (await writer.finish()).bytes.length
    const metricsStart = cpuMs()
    const collector = createMetricsCollector()
    for (const batch of batches) collector.add(batch)
    const arrowStart = cpuMs()
    for (const batch of batches) {
      const message = planRecordBatch(batch)
      writeRecordBatch(message, new Uint8Array(message.sizeBytes), 0)
    }
    const end = cpuMs()
    peakRss = Math.max(peakRss, process.memoryUsage.rss())
    if (run === 0) continue
    whole.push(metricsStart - start)
    metrics.push(arrowStart - metricsStart)
    arrow.push(end - arrowStart)
  }
  const wholeMs = median(whole)
  return {
    compression,
    rows,
    arrow_bytes: arrowBytes,
    file_bytes: fileBytes,
    mb_per_s: arrowBytes / 1e3 / wholeMs,
    metrics_share: median(metrics) / wholeMs,
    arrow_share: median(arrow) / wholeMs,
    peak_rss_bytes: peakRss,
  }
}

const DECIMAL: PrimitiveType = { kind: 'decimal', precision: 12, scale: 2 }
const TYPES: readonly (readonly [string, PrimitiveType])[] = [
  ['l_orderkey', { kind: 'long' }],
  ['l_partkey', { kind: 'long' }],
  ['l_suppkey', { kind: 'long' }],
  ['l_linenumber', { kind: 'int' }],
  ['l_quantity', DECIMAL],
  ['l_extendedprice', DECIMAL],
  ['l_discount', DECIMAL],
  ['l_tax', DECIMAL],
  ['l_returnflag', { kind: 'string' }],
  ['l_linestatus', { kind: 'string' }],
  ['l_shipdate', { kind: 'date' }],
  ['l_commitdate', { kind: 'date' }],
  ['l_receiptdate', { kind: 'date' }],
  ['l_shipinstruct', { kind: 'string' }],
  ['l_shipmode', { kind: 'string' }],
  ['l_comment', { kind: 'string' }],
]

const FIELDS: readonly NestedField[] = TYPES.map(([name, type], i) => ({
  id: i + 1,
  name,
  required: true,
  type,
}))

const WORDS =
  'furiously express deposits sleep carefully regular pending accounts final ideas blithely quick packages'.split(
    ' ',
  )
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  l_returnflag: ['R', 'A', 'N'],
  l_linestatus: ['O', 'F'],
  l_shipinstruct: ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'],
  l_shipmode: ['AIR', 'MAIL', 'SHIP', 'TRUCK', 'RAIL', 'FOB', 'REG AIR'],
}
const RANGES: Readonly<Record<string, number>> = {
  l_partkey: 200_000,
  l_suppkey: 10_000,
  l_quantity: 50,
  l_extendedprice: 10_000_000,
  l_discount: 11,
  l_tax: 9,
  l_shipdate: 2500,
  l_commitdate: 2500,
  l_receiptdate: 2500,
}

function lineitemBatch(firstRow: number, rowCount: number, random: () => number): ColumnBatch {
  const columns = FIELDS.map(field => lineitemColumn(field, firstRow, rowCount, random))
  const sizeBytes = columns.reduce(
    (sum, column) =>
      sum +
      (column.layout === 'fixed'
        ? column.data.length
        : column.layout === 'variable'
          ? column.values.length + column.offsets.byteLength
          : 0),
    0,
  )
  return { fields: FIELDS, columns, rowCount, sizeBytes }
}

function lineitemColumn(field: NestedField, firstRow: number, length: number, random: () => number): Column {
  const { id: fieldId, name, required, type } = field
  const base = {
    fieldId,
    name,
    required,
    length,
    nullCount: 0,
    validity: new Uint8Array((length + 7) >> 3).fill(255),
  }
  if (type.kind === 'string') {
    const texts = Array.from({ length }, () => {
      const choices = TEXTS[name]
      if (choices !== undefined) return choices[Math.floor(random() * choices.length)] ?? ''
      return Array.from(
        { length: 3 + Math.floor(random() * 3) },
        () => WORDS[Math.floor(random() * WORDS.length)],
      ).join(' ')
    })
    const offsets = new Int32Array(length + 1)
    texts.forEach((text, i) => {
      offsets[i + 1] = (offsets[i] ?? 0) + text.length
    })
    return {
      ...base,
      layout: 'variable',
      type,
      offsets,
      values: new Uint8Array(Buffer.from(texts.join(''), 'latin1')),
    }
  }
  if (type.kind !== 'long' && type.kind !== 'int' && type.kind !== 'date' && type.kind !== 'decimal') {
    throw new Error(`lineitem has no column of type ${type.kind}`)
  }
  const words = type.kind === 'decimal' ? 4 : type.kind === 'long' ? 2 : 1
  const values = new Int32Array(length * words)
  for (let i = 0; i < length; i++) {
    const row = firstRow + i
    values[i * words] =
      name === 'l_orderkey'
        ? row >> 2
        : name === 'l_linenumber'
          ? row & 3
          : Math.floor(random() * (RANGES[name] ?? 1))
  }
  return { ...base, layout: 'fixed', type, data: new Uint8Array(values.buffer) }
}

/** A fixed sequence, so that runs compare. */
function lcg(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e3
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0
}

if (import.meta.main) console.log(JSON.stringify(await benchParquet(), null, 2))
