/**
 * The whole way: `.kfs` bytes in a folder to Parquet files in another, by the product's own converter, beside DuckDB on the same
 * records. Both write zstd, each in a process of its own, run by run in turn, so that what else the machine does weighs on both.
 * Rates are MB of raw JSON values per second of CPU time of all the process's threads: per core, whatever the number of cores.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConvertRequest } from '../services/converter/convert-request.ts'
import type { MetadataMode } from '../shared/decode/kafka-metadata.ts'
import type { Schema } from '../shared/iceberg/schema.ts'
import type { Codec } from '../shared/segment/codec.ts'
import { batchesOf, recordsOf, type ShapeName, writeNdjson, writeSegments } from './whole-way/backlog.ts'
import { type Child, type RunFigure, startChild } from './whole-way/child.ts'
import type { ConvertFigure, ConvertQuestion } from './whole-way/convert-child.ts'
import { requestFor } from './whole-way/convert-request.ts'
import type { DuckdbQuestion } from './whole-way/duckdb-child.ts'
import { STAGES, type StageName, type StageSeconds } from './whole-way/stages.ts'

const SHAPES: readonly ShapeName[] = ['flat', 'nested']
const CODECS: readonly Codec[] = ['none', 'lz4', 'snappy', 'zstd', 'gzip']

export interface StageFigure {
  readonly mb_per_s: number
  /** Of the CPU time of the whole, 0 to 1. */
  readonly share: number
}

export interface WholeWayFigure {
  readonly shape: ShapeName
  readonly codec: Codec
  /** The same columns on both sides. */
  readonly mb_per_s: number
  readonly duckdb_mb_per_s: number
  readonly ratio_to_duckdb: number
  /** With the `_kafka` columns that a table has by default, which DuckDB's file does not have. */
  readonly with_kafka_columns: { readonly mb_per_s: number; readonly ratio_to_duckdb: number }
  /** Of a process that only converts, after all its tasks. */
  readonly peak_rss_bytes: number
  readonly duckdb_peak_rss_bytes: number
  readonly records: number
  readonly value_bytes: number
  readonly segment_bytes: number
  readonly file_bytes: number
  readonly runs: number
  readonly stages: Readonly<Record<StageName | 'other', StageFigure>>
}

export interface WholeWayOptions {
  /** Little data and one run: to see that it works, not how fast. */
  readonly quick: boolean
  readonly progress: (line: string) => void
}

interface Effort {
  readonly valueBytes: number
  readonly warmUps: number
  readonly runs: number
}

const FULL: Effort = { valueBytes: 64 * 1024 * 1024, warmUps: 2, runs: 5 }
const QUICK: Effort = { valueBytes: 1024 * 1024, warmUps: 0, runs: 1 }

export async function benchWholeWay(options: WholeWayOptions): Promise<readonly WholeWayFigure[]> {
  const effort = options.quick ? QUICK : FULL
  const figures: WholeWayFigure[] = []
  for (const shape of SHAPES) {
    const records = recordsOf(shape, effort.valueBytes)
    const folder = await mkdtemp(join(tmpdir(), 'tidewater-bench-'))
    try {
      const input = join(folder, 'records.ndjson')
      await writeNdjson(input, records.values)
      for (const codec of CODECS) {
        const source = join(folder, codec)
        const slices = await writeSegments(source, batchesOf(records.values, codec), 1)
        const request = (metadataColumns: MetadataMode) =>
          requestFor(records.schema, slices, { folder, metadataColumns })
        const requests = { none: request('none'), struct: request('struct') }
        const task = { shape, codec, source, input, folder, requests, schema: records.schema }
        const figure = await measure(task, { ...effort, valueBytes: records.valueBytes })
        figures.push(figure)
        options.progress(lineOf(figure))
        await rm(source, { recursive: true })
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  return figures
}

interface Measured {
  readonly shape: ShapeName
  readonly codec: Codec
  readonly source: string
  readonly input: string
  readonly folder: string
  /** By what they add to the records' own columns. */
  readonly requests: Readonly<Record<'none' | 'struct', ConvertRequest>>
  readonly schema: Schema
}

async function measure(task: Measured, { valueBytes, warmUps, runs }: Effort): Promise<WholeWayFigure> {
  const ours = startChild<ConvertQuestion>('convert-child')
  const duckdb = startChild<DuckdbQuestion>('duckdb-child')
  try {
    await openBoth(task, ours, duckdb)
    const convert = (request: ConvertRequest, keep = false) =>
      ours.ask<ConvertFigure>({ kind: 'run', request, keep })
    const { none, struct } = task.requests
    const rounds: { same: ConvertFigure; more: ConvertFigure; other: RunFigure }[] = []
    for (let round = 0; round < warmUps + runs; round++) {
      const same = await convert(none)
      const other = await duckdb.ask<RunFigure>({ kind: 'run' })
      const more = await convert(struct)
      if (round >= warmUps) rounds.push({ same, more, other })
    }
    const peak = await ours.ask<number>({ kind: 'peak' })
    const duckdbPeak = await duckdb.ask<number>({ kind: 'peak' })
    const stages = await ours.ask<StageSeconds>({ kind: 'stages', request: none })
    await requireSameRows(await convert(none, true), duckdb)

    const seconds = median(rounds.map(({ same }) => same.cpuSeconds))
    const moreSeconds = median(rounds.map(({ more }) => more.cpuSeconds))
    const duckdbSeconds = median(rounds.map(({ other }) => other.cpuSeconds))
    const rates = (ownSeconds: number) => ({
      mb_per_s: rounded(valueBytes / 1e6 / ownSeconds, 1),
      ratio_to_duckdb: rounded(duckdbSeconds / ownSeconds, 3),
    })
    const segments = none.task.slices.flatMap(slice => slice.segments)
    return {
      shape: task.shape,
      codec: task.codec,
      ...rates(seconds),
      duckdb_mb_per_s: rounded(valueBytes / 1e6 / duckdbSeconds, 1),
      with_kafka_columns: rates(moreSeconds),
      peak_rss_bytes: peak,
      duckdb_peak_rss_bytes: duckdbPeak,
      records: rounds[0]?.same.rows ?? 0,
      value_bytes: valueBytes,
      segment_bytes: segments.reduce((sum, segment) => sum + segment.sizeBytes, 0),
      file_bytes: rounds[0]?.same.fileBytes ?? 0,
      runs,
      stages: stageFigures(stages, seconds, valueBytes),
    }
  } finally {
    await Promise.all([ours.end(), duckdb.end()])
  }
}

async function openBoth(
  { source, folder, input, schema }: Measured,
  ours: Child<ConvertQuestion>,
  duckdb: Child<DuckdbQuestion>,
): Promise<void> {
  const warehouse = join(folder, 'warehouse')
  await mkdir(warehouse, { recursive: true })
  await ours.ask({ kind: 'open', source, warehouse })
  const output = join(folder, 'duckdb.parquet')
  await duckdb.ask({ kind: 'open', input, output, schema })
}

/** A fast wrong answer is no figure: DuckDB reads both results and must find the same rows in them. */
async function requireSameRows({ paths }: ConvertFigure, duckdb: Child<DuckdbQuestion>): Promise<void> {
  const files = paths.map(path => path.replace(/^file:\/\//, ''))
  const different = await duckdb.ask<number>({ kind: 'differences', paths: files })
  if (different !== 0) throw new Error(`Tidewater's files and DuckDB's differ in ${different} rows`)
  for (const file of files) await rm(file)
}

function stageFigures(
  stages: StageSeconds,
  wholeSeconds: number,
  valueBytes: number,
): WholeWayFigure['stages'] {
  const inStages = STAGES.reduce((sum, stage) => sum + stages[stage], 0)
  const total = Math.max(wholeSeconds, inStages)
  const figure = (seconds: number): StageFigure => ({
    mb_per_s: seconds <= 0 ? 0 : Math.round(valueBytes / 1e6 / seconds),
    share: rounded(seconds / total, 3),
  })
  return {
    crc: figure(stages.crc),
    decompress: figure(stages.decompress),
    records: figure(stages.records),
    decode: figure(stages.decode),
    statistics: figure(stages.statistics),
    arrow: figure(stages.arrow),
    parquet: figure(stages.parquet),
    other: figure(total - inStages),
  }
}

function lineOf(figure: WholeWayFigure): string {
  const shares = Object.entries(figure.stages).map(
    ([stage, { share }]) => `${stage} ${Math.round(share * 100)} %`,
  )
  return (
    `whole_way ${figure.shape} ${figure.codec}: ${Math.round(figure.mb_per_s)} MB/s per core, DuckDB ` +
    `${Math.round(figure.duckdb_mb_per_s)}, ratio ${figure.ratio_to_duckdb.toFixed(2)} ` +
    `(${figure.with_kafka_columns.ratio_to_duckdb.toFixed(2)} with _kafka), ` +
    `peak ${Math.round(figure.peak_rss_bytes / 1e6)} MB; ${shares.join(', ')}`
  )
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

const rounded = (value: number, digits: number) => Number(value.toFixed(digits))
