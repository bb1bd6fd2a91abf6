import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

const MAIN = fileURLToPath(new URL('../../bench/main.ts', import.meta.url))

function bench(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 })
}

const rate = z.number().positive()
const stage = z.strictObject({ mb_per_s: z.number().min(0), share: z.number().min(0).max(1) })
const wholeWay = z.strictObject({
  shape: z.enum(['flat', 'nested']),
  codec: z.enum(['none', 'lz4', 'snappy', 'zstd', 'gzip']),
  mb_per_s: rate,
  ratio_to_duckdb: rate,
  duckdb_mb_per_s: rate,
  with_kafka_columns: z.strictObject({ mb_per_s: rate, ratio_to_duckdb: rate }),
  peak_rss_bytes: rate,
  duckdb_peak_rss_bytes: rate,
  records: rate,
  value_bytes: rate,
  segment_bytes: rate,
  file_bytes: rate,
  runs: rate,
  stages: z.strictObject({
    crc: stage,
    decompress: stage,
    records: stage,
    decode: stage,
    statistics: stage,
    arrow: stage,
    parquet: stage,
    other: stage,
  }),
})
const catalogLoad = z.strictObject({
  mode: z.enum(['all', 'refs']),
  encoding: z.enum(['gzip', 'identity']),
  snapshots: rate,
  concurrent: rate,
  requests: rate,
  answer_bytes: rate,
  p50_ms: rate,
  p99_ms: rate,
  ingest_mb_per_s: rate,
  ingest_mb_per_s_loaded: rate,
  ingest_ratio: rate,
  ingest_cpu_ratio: rate,
})
const count = z.number().min(0)
const manyTables = z.strictObject({
  stages: z.enum(['all', 'divided']),
  load: z.enum(['idle', 'trickle']),
  tables: rate,
  partitions: rate,
  processes: rate,
  ready_s: rate,
  measured_s: rate,
  s3_requests_per_min: count,
  sql_transactions_per_min: count,
  sql_statements_per_min: rate,
  redis_commands_per_min: rate,
  cpu_s_per_min: rate,
  rss_mb: rate,
  machine_busy: rate,
  metrics_ms: count,
  list_ms: count,
  segments: count,
  data_files: count,
  snapshots: count,
})
const planning = z.strictObject({
  store: z.enum(['folder', 's3']),
  segments: rate,
  tasks: rate,
  rounds: rate,
  planning_s: rate,
  us_per_segment: rate,
  cpu_us_per_segment: rate,
  peak_rss_mb: rate,
  grown_rss_mb: count,
  time_ratio: rate,
  memory_ratio: rate,
})
const freshness = z.strictObject({
  stores: z.enum(['embedded', 'servers']),
  commit_interval_s: rate,
  segments: rate,
  records_per_s: rate,
  p50_s: rate,
  p99_s: rate,
  max_s: rate,
})
const publishing = z.strictObject({
  catalog: z.enum(['embedded', 'rest', 'glue']),
  server: z.enum(['none', 'iceberg-rest', 'nessie', 'moto']),
  store: z.enum(['folder', 's3']),
  snapshots: rate,
  snapshots_shown: rate,
  metadata_bytes: rate,
  commits: rate,
  requests_to_create: count,
  requests_per_commit: count,
  requests_at_rest: count,
  store_operations_per_commit: rate,
  p50_ms: rate,
  p99_ms: rate,
  round_p50_ms: rate,
  ratio_to_embedded: rate,
  ratio_to_shortest: rate,
})
const workers = z.strictObject({
  stores: z.enum(['embedded', 'servers']),
  workers: rate,
  tasks: rate,
  measured_tasks: rate,
  measured_s: rate,
  mb_per_s: rate,
  ratio: rate,
  cpu_per_s: z.number(),
  machine_busy: z.number(),
})
const machine = z.strictObject({
  node: z.string(),
  platform: z.string(),
  cpu: z.string(),
  cpus: z.number().positive(),
})

describe('npm run bench', () => {
  it('prints the whole way for both shapes and every codec as one JSON object, with DuckDB beside it', () => {
    const { status, stdout, stderr } = bench('--only', 'whole_way', '--json', '--quick')
    expect(status, stderr).toBe(0)
    const figures = z
      .strictObject({ machine, quick: z.literal(true), whole_way: z.array(wholeWay) })
      .parse(JSON.parse(stdout))
    const rows = figures.whole_way
    expect(new Set(rows.map(row => `${row.shape} ${row.codec}`)).size).toBe(10)
    for (const row of rows) {
      expect(row.ratio_to_duckdb).toBeCloseTo(row.mb_per_s / row.duckdb_mb_per_s, 1)
      const shares = Object.values(row.stages).reduce((sum, { share }) => sum + share, 0)
      expect(shares).toBeCloseTo(1, 1)
      expect(row.stages.decompress.share > 0).toBe(row.codec !== 'none')
    }
  })

  it('prints the other figures under their names', () => {
    for (const name of ['decode', 'parquet', 'segment', 'metadata']) {
      const { status, stdout, stderr } = bench('--only', name, '--json', '--quick')
      expect(status, stderr).toBe(0)
      const rows = z.record(z.string(), z.unknown()).parse(JSON.parse(stdout))[name]
      expect(z.array(z.record(z.string(), z.unknown())).parse(rows).length, name).toBeGreaterThan(2)
    }
  })

  it('prints how long clients of the catalog wait while rows are ingested', () => {
    const { status, stdout, stderr } = bench('--only', 'catalog_load', '--json', '--quick')
    expect(status, stderr).toBe(0)
    const figures = z.object({ catalog_load: z.array(catalogLoad) }).parse(JSON.parse(stdout)).catalog_load
    expect(figures.map(({ mode, encoding }) => `${mode} ${encoding}`)).toEqual([
      'all gzip',
      'all identity',
      'refs gzip',
    ])
    const [gzip, identity] = figures
    expect(gzip?.answer_bytes).toBeLessThan((identity?.answer_bytes ?? 0) / 2)
  })

  it('prints what tables cost that rest or trickle, for one process and for divided stages', () => {
    const { status, stdout, stderr } = bench('--only', 'many_tables', '--json', '--quick')
    expect(status, stderr).toBe(0)
    const figures = z.object({ many_tables: z.array(manyTables) }).parse(JSON.parse(stdout)).many_tables
    expect(figures.map(({ stages, load }) => `${stages} ${load}`)).toEqual([
      'all idle',
      'all trickle',
      'divided idle',
      'divided trickle',
    ])
    expect(figures.map(({ segments }) => segments)).toEqual([0, 3, 0, 3])
  })

  it('prints what planning a backlog takes for growing backlogs, and how long rows take to be readable', () => {
    const plans = bench('--only', 'planning', '--json', '--quick')
    expect(plans.status, plans.stderr).toBe(0)
    const planned = z.object({ planning: z.array(planning) }).parse(JSON.parse(plans.stdout)).planning
    expect(planned.map(({ store, segments }) => `${store} ${segments}`)).toEqual([
      'folder 30',
      'folder 60',
      's3 30',
      's3 60',
    ])
    const waits = bench('--only', 'freshness', '--json', '--quick')
    expect(waits.status, waits.stderr).toBe(0)
    const fresh = z.object({ freshness: z.array(freshness) }).parse(JSON.parse(waits.stdout)).freshness
    expect(fresh.map(({ stores }) => stores)).toEqual(['embedded', 'servers'])
    for (const { segments, p50_s, p99_s, max_s } of fresh) {
      expect(segments).toBe(20)
      expect(p50_s <= p99_s && p99_s <= max_s).toBe(true)
    }
  })

  it('prints what publishing a commit costs in each kind of catalog', () => {
    const { status, stdout, stderr } = bench('--only', 'publishing', '--json', '--quick')
    expect(status, stderr).toBe(0)
    const figures = z.object({ publishing: z.array(publishing) }).parse(JSON.parse(stdout)).publishing
    const costs = figures.map(figure => [
      `${figure.catalog} ${figure.server} ${figure.store} ${figure.snapshots}`,
      [figure.requests_to_create, figure.requests_per_commit, figure.requests_at_rest],
      figure.store_operations_per_commit,
      figure.snapshots_shown,
    ])
    // Manifest and manifest list are written for each; where a file is the metadata, it is read and written too.
    expect(costs).toEqual([
      ['embedded none folder 2', [0, 0, 0], 4, 2],
      ['embedded none folder 4', [0, 0, 0], 4, 4],
      ['rest iceberg-rest folder 2', [5, 2, 0], 2, 2],
      ['rest iceberg-rest folder 4', [5, 2, 0], 2, 4],
      ['glue moto folder 2', [4, 3, 0], 4, 2],
      ['glue moto folder 4', [4, 3, 0], 4, 4],
      ['embedded none s3 2', [0, 0, 0], 4, 2],
      ['embedded none s3 4', [0, 0, 0], 4, 4],
      ['rest nessie s3 2', [5, 2, 0], 2, 1],
      ['rest nessie s3 4', [5, 2, 0], 2, 1],
    ])
    for (const { p50_ms, p99_ms, round_p50_ms } of figures) {
      expect(p50_ms <= p99_ms).toBe(true)
      expect(p50_ms <= round_p50_ms).toBe(true)
    }
    const [, , rest] = figures
    expect(rest?.ratio_to_embedded).toBeCloseTo((rest?.p50_ms ?? 0) / (figures[0]?.p50_ms ?? 0), 1)
  })

  it('prints what a second worker adds', () => {
    const { status, stdout, stderr } = bench('--only', 'workers', '--json', '--quick')
    expect(status, stderr).toBe(0)
    const figures = z.object({ workers: z.array(workers) }).parse(JSON.parse(stdout)).workers
    expect(figures.map(one => `${one.stores} ${one.workers}`)).toEqual([
      'embedded 1',
      'embedded 2',
      'servers 1',
      'servers 2',
    ])
    for (const [i, { mb_per_s, ratio }] of figures.entries())
      expect(ratio).toBeCloseTo(mb_per_s / (figures[i - (i % 2)]?.mb_per_s ?? 0), 1)
  })

  it('refuses a bench that it does not have with exit code 2 and the names of those that it has', () => {
    const { status, stdout, stderr } = bench('--only', 'whole-way', '--json')
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(
      'whole_way, memory, decode, parquet, segment, catalog_load, metadata, many_tables, planning, freshness, publishing, workers',
    )
  })
})
