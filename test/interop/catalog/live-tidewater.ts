/**
 * A `tidewater run` with its server on a free port, over tables that engines are to query: the golden orders, a table of every type, one
 * of times, and one that grows as long as the test lands events. The last three stand in a namespace inside another.
 */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { z } from 'zod'
import { landTopic } from '../../../services/landing/land.ts'
import { exactInteger, parseExactJson } from '../../../shared/iceberg/exact-json.ts'
import type { IcebergType, NestedField } from '../../../shared/iceberg/schema.ts'
import { OFFSETS_KEY, parseOffsets, type SnapshotOffsets } from '../../../shared/iceberg/snapshot-offsets.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { type RunningTidewater, startServing } from '../../e2e/running-server.ts'
import { createWorkspace, type Workspace } from '../../e2e/tidewater-cli.ts'
import { ORDERS } from '../golden-tables.ts'
import { GOLDEN_FOLDER } from '../kafscale/manifest.ts'
import type { RestCatalog } from '../readers/readers.ts'
import { FIELDS, rowJson } from '../readers/type-samples.ts'

export const ORDERS_TABLE = 'shop.orders'
export const TYPES_TABLE = 'shop.north.every_type'
export const TIMES_TABLE = 'shop.north.times'
export const EVENTS_TABLE = 'shop.north.events'
export const DEAD_LETTERS = '__dlq'
export const TOKEN = 'the-token-of-engine-tests'

const WAREHOUSE = 'local'
const EVENTS_PER_LANDING = 100
const LANDING_PAUSE_MS = 400
const PATIENCE_MS = 60_000

const quickTable = (name: string, topic: string, columns: readonly NestedField[]) => `
  - name: ${name}
    source: landed
    source_topic: ${topic}
    source_format: json
    schema: ${JSON.stringify({ fields: columns.map(columnOf) })}
    commit_interval: 300ms`

const EVENT_FIELDS: readonly NestedField[] = [
  { id: 0, name: 'id', required: true, type: { kind: 'long' } },
  { id: 0, name: 'kind', required: false, type: { kind: 'string' } },
]

const TABLES = `${ORDERS}
    commit_interval: 300ms${quickTable(TYPES_TABLE, 'types', FIELDS)}${quickTable(TIMES_TABLE, 'times', [
      { id: 0, name: 'id', required: true, type: { kind: 'int' } },
      { id: 0, name: 't', required: false, type: { kind: 'time' } },
    ])}${quickTable(EVENTS_TABLE, 'events', EVENT_FIELDS)}
    partition_by: [kind]
    dlq_max_ratio: 1`

export interface Snapshot {
  readonly id: string
  readonly totalRecords: number
  /** Up to which offsets its rows and dead letters go. Snapshots of one moment say it in the last of them. */
  readonly offsets?: SnapshotOffsets
}

export interface LiveTidewater {
  readonly catalog: RestCatalog
  readonly workspace: Workspace
  /** As the catalog shows the table now, oldest first. */
  snapshots(table: string): Promise<readonly Snapshot[]>
  /** Lands events until `signal`, one in fifty broken. Returns how many of each. */
  landEvents(signal: AbortSignal): Promise<{ readonly rows: number; readonly deadLetters: number }>
  /** Waits until a table has that many rows. */
  expectRows(table: string, rows: number): Promise<void>
  stop(): Promise<void>
}

export interface LiveOptions {
  /** YAML. */
  readonly warehouse: string
  readonly env?: Readonly<Record<string, string>>
  readonly withToken?: boolean
  readonly passCredentials?: boolean
}

export async function startLiveTidewater(options: LiveOptions): Promise<LiveTidewater> {
  const workspace = await createWorkspace({ ...options.env, TIDEWATER_TOKEN: TOKEN })
  await workspace.write('tidewater.yaml', configOf(options))
  await cp(join(GOLDEN_FOLDER, 'production', 'orders'), workspace.path('segments/orders'), {
    recursive: true,
  })
  await landLines(workspace, 'types', [rowJson(1, 0), rowJson(2, 1), '{"id":3}'])
  await landLines(workspace, 'times', [
    '{"id":1,"t":"23:59:59.999999"}',
    '{"id":2,"t":"00:00:00"}',
    '{"id":3}',
  ])
  const running = await startServing(workspace)
  const catalog = {
    uri: `${running.url}/catalog`,
    warehouse: WAREHOUSE,
    ...(options.withToken === true && { token: TOKEN }),
  }
  const live: LiveTidewater = {
    catalog,
    workspace,
    snapshots: table => snapshotsOf(catalog, table),
    landEvents: signal => landEvents(workspace, signal),
    expectRows: (table, rows) =>
      vi.waitFor(
        async () => expect((await snapshotsOf(catalog, table)).at(-1)?.totalRecords, table).toBe(rows),
        { timeout: PATIENCE_MS, interval: 200 },
      ),
    async stop() {
      await endOf(running)
      await workspace.remove()
    },
  }
  await live.expectRows(TYPES_TABLE, 3)
  await live.expectRows(TIMES_TABLE, 3)
  return live
}

const configOf = ({ warehouse, withToken, passCredentials }: LiveOptions) => `
warehouse: ${warehouse}
metadata: sqlite:./tidewater.db
sources:
  - { name: landed, type: kfs, url: "file:./segments" }
catalogs:
  - { name: ${WAREHOUSE}, type: embedded }
server:
  listen: "127.0.0.1:0"
  ${withToken === true ? `token: "\${TIDEWATER_TOKEN}"` : ''}
  pass_credentials: ${passCredentials === true}
limits: { poll_interval: 50ms, poll_interval_max: 200ms, workers: 1 }
tables:${TABLES}
`

/** A column as tidewater.yaml declares it. */
function columnOf({ name, required, type }: NestedField): Record<string, unknown> {
  return { name, required, ...typeOf(type) }
}

function typeOf(type: IcebergType): Record<string, unknown> {
  switch (type.kind) {
    case 'struct':
      return { type: 'struct', fields: type.fields.map(columnOf) }
    case 'list':
      return { type: 'list', element: typeOf(type.element), element_required: type.elementRequired }
    case 'map':
      return {
        type: 'map',
        key: typeOf(type.key),
        value: typeOf(type.value),
        value_required: type.valueRequired,
      }
    case 'decimal':
      return { type: `decimal(${type.precision},${type.scale})` }
    case 'fixed':
      return { type: `fixed(${type.length})` }
    default:
      return { type: type.kind }
  }
}

async function endOf(running: RunningTidewater): Promise<void> {
  const code = await running.stop()
  expect(code, running.said()).toBe(0)
}

async function landLines(workspace: Workspace, topic: string, lines: readonly string[]): Promise<number> {
  async function* input() {
    yield Buffer.from(`${lines.join('\n')}\n`)
  }
  const { recordCount } = await landTopic({
    store: openObjectStore(workspace.path('segments'), { runtime: systemRuntime }),
    topic,
    partitions: 3,
    keyPath: 'id',
    codec: 'zstd',
    segmentBytes: 4096,
    input: input(),
    runtime: systemRuntime,
  })
  return recordCount
}

async function landEvents(workspace: Workspace, signal: AbortSignal) {
  const landed = { rows: 0, deadLetters: 0 }
  while (!signal.aborted) {
    const from = landed.rows + landed.deadLetters
    const lines = Array.from({ length: EVENTS_PER_LANDING }, (_, at) =>
      at % 50 === 7 ? '{"id": "none"}' : JSON.stringify({ id: from + at, kind: `k${(from + at) % 4}` }),
    )
    const broken = lines.filter(line => line.includes('none')).length
    const recordCount = await landLines(workspace, 'events', lines)
    landed.rows += recordCount - broken
    landed.deadLetters += broken
    await sleep(LANDING_PAUSE_MS)
  }
  return landed
}

const id = z.union([z.int(), z.bigint()]).transform(value => String(exactInteger(value)))
const loadedSchema = z.object({
  metadata: z.object({
    snapshots: z
      .array(z.object({ 'snapshot-id': id, summary: z.record(z.string(), z.string()) }))
      .default([]),
  }),
})

/** By HTTP, beside all engines. A table that is not published yet has no snapshots. */
async function snapshotsOf({ uri, token }: RestCatalog, table: string): Promise<readonly Snapshot[]> {
  const at = table.lastIndexOf('.')
  const namespace = encodeURIComponent(table.slice(0, at).replaceAll('.', '\x1f'))
  const url = `${uri}/v1/${WAREHOUSE}/namespaces/${namespace}/tables/${table.slice(at + 1)}`
  const answer = await fetch(
    url,
    token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
  )
  if (answer.status === 404) return []
  const { metadata } = loadedSchema.parse(parseExactJson(await answer.text(), url))
  return metadata.snapshots.map(({ 'snapshot-id': snapshotId, summary }) => {
    const offsets = summary[OFFSETS_KEY]
    return {
      id: snapshotId,
      totalRecords: Number(summary['total-records']),
      ...(offsets !== undefined && { offsets: parseOffsets(offsets, snapshotId) }),
    }
  })
}
