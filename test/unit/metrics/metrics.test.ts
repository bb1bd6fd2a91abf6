import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMetrics, type Metrics } from '../../../services/metrics/metrics.ts'
import { type Exposition, parseExposition } from '../../fakes/exposition.ts'
import { FIRST_TIMESTAMP_MS, ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
let metrics: Metrics
const table = TABLE
const rows = { table, kind: 'rows' }
const letters = { table, kind: 'dead_letters' }
const catalog = 'local'

beforeEach(async () => {
  pipeline = await openPipeline()
  metrics = createMetrics(pipeline.parts)
})
afterEach(() => pipeline.close())

async function scrape(): Promise<Exposition> {
  pipeline.runtime.advance(5_000)
  for (const said of pipeline.progress.splice(0)) metrics.observe(said)
  return parseExposition(await metrics.text())
}

describe('metrics of a pipeline', () => {
  test('a process that does not serve tells only what it did itself, and asks the database nothing', async () => {
    const metadata = new Proxy(pipeline.metadata, {
      get: (_, name) => {
        throw new Error(`asked for ${String(name)}`)
      },
    })
    const stages = new Set(['convert'] as const)
    metrics = createMetrics({ ...pipeline.parts, metadata, stages })
    const names = new Set((await scrape()).series.map(({ name }) => name))
    expect(names).toContain('tidewater_worker_utilisation')
    expect(names).not.toContain('tidewater_metadata_readable')
    expect(names).not.toContain('tidewater_query_lag_seconds')
  })

  test('count what was committed, by what became of it', async () => {
    await land(pipeline.source, [...ids(0, 8), 'not json', { id: 'no number' }])
    await pipeline.settle()
    const { value, series } = await scrape()
    expect(value('tidewater_rows_committed_total', { table })).toBe(8)
    const letters = 'tidewater_dead_letters_committed_total'
    expect(series.filter(({ name }) => name === letters).map(one => one.labels.code)).toEqual([
      'not-json',
      'type-mismatch',
    ])
    expect(value('tidewater_dead_letter_topic_pending', { table })).toBe(2)
    expect(value('tidewater_offsets_without_record_total', { table, reason: 'source_gap' })).toBe(0)
    expect(value('tidewater_partition_committed_offset', { table, topic: 'orders', partition: '0' })).toBe(10)
    expect(value('tidewater_tasks', { table, state: 'queued' })).toBe(0)
    expect(value('tidewater_tasks_finished_total', { table, state: 'committed' })).toBe(1)
    expect(value('tidewater_partitions', { table, state: 'active' })).toBe(1)
    expect(value('tidewater_table_state', { table, state: 'active' })).toBe(1)
  })

  test('tell how old the newest record is that queries see, and what they do not see yet', async () => {
    await land(pipeline.source, [...ids(0, 8), 'not json'])
    await pipeline.settle()
    await pipeline.publish()
    const first = await scrape()
    const age = (pipeline.runtime.nowMs() - FIRST_TIMESTAMP_MS - 8) / 1000
    expect(first.value('tidewater_query_lag_seconds', { ...rows, catalog })).toBeCloseTo(age, 3)
    expect(first.value('tidewater_query_lag_seconds', { ...letters, catalog })).toBeCloseTo(age, 3)
    expect(first.value('tidewater_publication_pending_data_files', { ...rows, catalog })).toBe(0)
    expect(first.value('tidewater_publication_lag_seconds', { ...rows, catalog })).toBe(0)
    expect(first.value('tidewater_data_files', rows)).toBe(1)
    expect(first.value('tidewater_data_bytes', rows)).toBeGreaterThan(100)
    expect(first.value('tidewater_snapshots', letters)).toBe(1)
    expect(first.value('tidewater_publication_state', { ...rows, catalog, state: 'published' })).toBe(1)

    await land(pipeline.source, ids(9, 3), { base: 9 })
    await pipeline.settle()
    const second = await scrape()
    expect(second.value('tidewater_publication_pending_data_files', { ...rows, catalog })).toBe(1)
    expect(second.value('tidewater_publication_pending_data_files', { ...letters, catalog })).toBe(0)
    expect(second.value('tidewater_query_lag_seconds', { ...rows, catalog })).toBeCloseTo(age + 5, 3)
  })

  test('count what this process did', async () => {
    await land(pipeline.source, [...ids(0, 8), 'not json'])
    await pipeline.settle()
    await pipeline.publish()
    const { value } = await scrape()
    expect(value('tidewater_tasks_planned_total', { table })).toBe(1)
    expect(value('tidewater_records_converted_total', { table, result: 'row' })).toBe(8)
    expect(value('tidewater_records_converted_total', { table, result: 'dead_letter' })).toBe(1)
    expect(value('tidewater_segment_bytes_read_total', { table })).toBeGreaterThan(100)
    expect(value('tidewater_parquet_bytes_written_total', { table })).toBeGreaterThan(100)
    expect(value('tidewater_conversion_duration_seconds_count', { outcome: 'committed' })).toBe(1)
    expect(value('tidewater_commit_duration_seconds_count')).toBe(1)
    expect(value('tidewater_snapshot_cut_duration_seconds_count')).toBe(2)
    expect(value('tidewater_publish_attempts_total', { ...letters, catalog, outcome: 'published' })).toBe(1)
    expect(value('tidewater_publish_duration_seconds_count', { catalog, outcome: 'published' })).toBe(2)
    expect(value('tidewater_listing_duration_seconds_count')).toBeGreaterThan(0)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(0)
  })

  test('count failures by code', async () => {
    await land(pipeline.source, ids(0, 8))
    await pipeline.settle()
    pipeline.warehouse.before = () => {
      throw new Error('the disk is full')
    }
    await expect(pipeline.publish()).rejects.toThrow('the disk is full')
    const problem = { kind: 'problem', where: 'here', code: 'disk-full', message: '', next: 'retry' } as const
    metrics.observe(problem)
    metrics.observe(problem)
    const { value } = await scrape()
    expect(value('tidewater_problems_total', { code: 'disk-full', next: 'retry' })).toBe(2)
  })
})

describe('a scrape', () => {
  test('reads the database once for all scrapes within five seconds', async () => {
    let reads = 0
    const { metadata } = pipeline
    const counting = {
      ...metadata,
      readFigures: () => {
        reads++
        return metadata.readFigures()
      },
    }
    metrics = createMetrics({ ...pipeline.parts, metadata: counting })
    await Promise.all([metrics.text(), metrics.text()])
    pipeline.runtime.advance(4_999)
    await metrics.text()
    expect(reads).toBe(1)
    pipeline.runtime.advance(1)
    await metrics.text()
    expect(reads).toBe(2)
  })

  test('of a database that does not answer shows the process alone, and says so', async () => {
    await land(pipeline.source, ids(0, 8))
    await pipeline.settle()
    expect((await scrape()).value('tidewater_rows_committed_total', { table })).toBe(8)
    await pipeline.metadata.close()
    const { value } = await scrape()
    expect(value('tidewater_metadata_readable')).toBe(0)
    expect(value('tidewater_rows_committed_total', { table })).toBeUndefined()
    expect(value('tidewater_records_converted_total', { table, result: 'row' })).toBe(8)
    expect(pipeline.progress).toMatchObject([{ kind: 'problem', where: 'reading metrics' }])
    pipeline = await openPipeline()
  })
})
