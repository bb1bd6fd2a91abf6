/** What a running Tidewater exports, and whether the dashboard and the alert rules read just that. */
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { METRICS } from '../../services/metrics/metric-table.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import { encodeSegment } from '../../shared/segment/segment-writer.ts'
import { type Exposition, parseExposition } from '../fakes/exposition.ts'
import { FIRST_TIMESTAMP_MS, recordsOf } from '../fakes/land-segments.ts'
import { readByExpression } from '../fakes/promql.ts'
import { alertExpressions, dashboardExpressions, readDashboard } from '../servers/dashboards.ts'
import { orders, ordersConfig } from './orders-config.ts'
import { type RunningTidewater, startServing } from './running-server.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

/** What Prometheus adds to every series that it scrapes. */
const TARGET_LABELS = ['instance', 'job']
// Grafana's variable, no template of ours.
const DATASOURCE = '$'.concat('{datasource}')
const PATIENCE = { timeout: 60_000, interval: 500 }

let workspace: Workspace
let running: RunningTidewater
let exposed: Exposition
/** Labels of the series seen, by metric. */
let labels: ReadonlyMap<string, ReadonlySet<string>>

const table = 'shop.orders'
const scrape = async () => parseExposition(await (await fetch(`${running.url}/metrics`)).text())

beforeAll(async () => {
  workspace = await createWorkspace()
  await workspace.write(
    'tidewater.yaml',
    ordersConfig({
      server: '{ listen: "127.0.0.1:0" }',
      top: 'limits: { poll_interval: 200ms, workers: 1 }',
      table: '    commit_interval: 1s\n    dlq_max_ratio: 1\n',
    }),
  )
  await workspace.tidewater(['land', 'orders'], `${orders(0, 50)}no json\n`)
  running = await startServing(workspace)
  const isShown = async () => {
    const { value } = await scrape()
    return (
      value('tidewater_query_lag_seconds', { table, kind: 'dead_letters', catalog: 'local' }) !== undefined
    )
  }
  await vi.waitUntil(isShown, PATIENCE)
  await landDamaged(51)
  const stopped = { table, state: 'stopped' }
  await vi.waitUntil(async () => (await scrape()).value('tidewater_partitions', stopped) === 1, PATIENCE)
  exposed = await scrape()
  const seen = new Map<string, Set<string>>()
  for (const { name, labels: given } of exposed.series)
    seen.set(name, new Set([...(seen.get(name) ?? []), ...Object.keys(given)]))
  labels = seen
})
afterAll(async () => {
  await running?.stop('SIGKILL')
  await workspace.remove()
})

/** A segment whose batch fails its checksum; the index comes last, so that it is whole when it counts. */
async function landDamaged(base: number): Promise<void> {
  const { segment, index } = encodeSegment({
    baseOffset: BigInt(base),
    createdAtMs: FIRST_TIMESTAMP_MS,
    batches: [{ codec: 'none', records: recordsOf([{ id: 1 }]) }],
  })
  segment[100] = (segment[100] ?? 0) ^ 0xff
  const place = { topic: 'orders', partition: 0, baseOffset: BigInt(base) }
  await writeFile(workspace.path(`segments/${segmentObjectKey(place)}`), segment)
  await writeFile(workspace.path(`segments/${indexObjectKey(place)}`), index)
}

describe('a running Tidewater', () => {
  it('exports every metric of the table with its type and labels, and no other of its own', () => {
    const own = [...exposed.types].filter(([name]) => name.startsWith('tidewater_'))
    expect(Object.fromEntries(own)).toEqual(Object.fromEntries(METRICS.map(({ name, type }) => [name, type])))
    for (const { name, type, labels: declared } of METRICS) {
      const seen = labels.get(type === 'histogram' ? `${name}_count` : name) ?? []
      expect([name, ...[...seen].sort()]).toEqual([name, ...[...declared].sort()])
    }
  })

  it('tells what was converted, what stopped, and what is wrong', () => {
    const { value } = exposed
    expect(value('tidewater_rows_committed_total', { table })).toBe(50)
    expect(value('tidewater_dead_letters_committed_total', { table, code: 'not-json' })).toBe(1)
    expect(value('tidewater_partition_committed_offset', { table, partition: '0' })).toBe(51)
    expect(value('tidewater_partition_stalled', { table, partition: '0' })).toBe(1)
    expect(value('tidewater_partitions_stalled', { table })).toBe(1)
    expect(value('tidewater_publication_pending_data_files', { table, kind: 'rows', catalog: 'local' })).toBe(
      0,
    )
    expect(value('tidewater_query_lag_seconds', { table, kind: 'rows', catalog: 'local' })).toBeLessThan(60)
    expect(value('tidewater_metadata_readable')).toBe(1)
    expect(value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0)
  })
})

describe.each([
  ['the dashboard', dashboardExpressions()],
  ['the alert rules', alertExpressions()],
])('%s', (_, shipped) => {
  it.each(shipped.map(one => [one.where, one] as const))('%s reads what is exported', (_where, one) => {
    const { metrics, labels: read } = readByExpression(one.expression)
    expect(metrics.length).toBeGreaterThan(0)
    const known = new Set(TARGET_LABELS)
    for (const metric of metrics) {
      const declared = METRICS.find(({ name }) => name === metric.replace(/_(bucket|sum|count)$/, ''))
      const seen = labels.get(metric)
      expect(seen !== undefined || declared !== undefined, `${metric} is exported`).toBe(true)
      for (const label of seen ?? declared?.labels ?? []) known.add(label)
    }
    expect([...read, ...one.shownLabels].filter(label => !known.has(label))).toEqual([])
  })
})

describe('the dashboard', () => {
  it('shows every metric', () => {
    const read = new Set(
      dashboardExpressions()
        .flatMap(({ expression }) => readByExpression(expression).metrics)
        .map(name => name.replace(/_bucket$/, '')),
    )
    expect(METRICS.map(({ name }) => name).filter(name => !read.has(name))).toEqual([])
  })

  it('asks for its data source and table, and no panel covers another', () => {
    const { panels, templating } = readDashboard()
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'table'])
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    for (const { type, datasource, targets } of panels)
      if (type !== 'row') expect([datasource?.uid, (targets?.length ?? 0) > 0]).toEqual([DATASOURCE, true])
  })
})
