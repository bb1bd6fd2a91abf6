/**
 * Tables made from the golden topics as a user makes them: segments arrive in three stages, and after each of them `tidewater run --once`
 * takes what has landed. Where a stage ends follows from the names of the segments, so other cuts by the broker change no test.
 */
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { parseExactJson } from '../../shared/iceberg/exact-json.ts'
import { createWorkspace, type Workspace } from '../e2e/tidewater-cli.ts'
import { GOLDEN_FOLDER, type ManifestTopic, readManifest } from './kafscale/manifest.ts'

const STAGES = 3

export const manifest = readManifest()

export function goldenTopic(name: string): ManifestTopic {
  const topic = manifest.topics.find(candidate => candidate.topic === name)
  if (topic === undefined) throw new Error(`the manifest has no topic ${name}`)
  return topic
}

/** The schema under which exactly the records listed as broken do not fit (test/golden/segments/README.md). */
const ORDERS_TABLE = `
    source: landed
    source_topic: orders
    source_format: json
    schema:
      fields:
        - { name: order_id, type: long, required: true }
        - { name: amount, type: "decimal(12,2)" }
        - { name: currency, type: string }
        - { name: created_at, type: timestamptz }
        - name: customer
          type: struct
          fields:
            - { name: id, type: string }
            - { name: country, type: string }
            - { name: name, type: string }
            - { name: email, type: string }
        - name: items
          type: list
          element:
            type: struct
            fields:
              - { name: sku, type: string }
              - { name: quantity, type: int }
              - { name: price, type: "decimal(12,2)" }
              - { name: attributes, type: map, key: string, value: string }
        - { name: tags, type: list, element: string }
        - { name: notes, type: string }
        - { name: priority, type: int }`

export const RAW_TOPICS = manifest.topics.map(({ topic }) => topic).filter(topic => topic !== 'orders')

/** `Retention.expired_v1-x` shows in `raw.retention_expired_v1_x`. */
export const rawTableOf = (topic: string) => `raw.${topic.toLowerCase().replaceAll(/\W/g, '_')}`

const rawTable = (topic: string) => `
  - name: ${rawTableOf(topic)}
    source: landed
    source_topic: ${topic}
    source_format: raw
    schema: { fields: [{ name: key, type: binary }, { name: value, type: binary }] }`

export interface Places {
  /** YAML of the warehouse and of the source's store, for example `file:./warehouse` and `url: "file:./segments"`. */
  readonly warehouse: string
  readonly sourceStore: string
  /** YAML of the only catalog; an embedded one unless given. */
  readonly catalog?: string
}

export const goldenConfig = (
  tables: string,
  { warehouse, sourceStore, catalog = '{ name: local, type: embedded }' }: Places,
) => `
warehouse: ${warehouse}
metadata: sqlite:./tidewater.db
sources:
  - { name: landed, type: kfs, ${sourceStore} }
catalogs:
  - ${catalog}
tables:${tables}
`

export const ORDERS = `
  - name: shop.orders${ORDERS_TABLE}
    partition_by: ["day(created_at)"]`

const FLAT_ORDERS = `
  - name: shop.orders_flat${ORDERS_TABLE}
    metadata_columns: flat
    partition_by: [currency, "bucket(2, customer.id)", "truncate(1000000, amount)"]`

export const EVERY_TABLE = `${ORDERS}${FLAT_ORDERS}${RAW_TOPICS.map(rawTable).join('')}`

/** Per partition the end (exclusive) of the offsets that have landed. */
export type Landed = ReadonlyMap<number, number>

/** Copies what of a topic belongs to the first `stage` stages: each segment, then its index, as a broker does. */
async function landStage(workspace: Workspace, topic: ManifestTopic, stage: number): Promise<Landed> {
  const landed = new Map<number, number>()
  for (const { partition, records } of topic.partitions) {
    const place = join(topic.topic, String(partition))
    const from = join(GOLDEN_FOLDER, manifest.namespace, place)
    const to = workspace.path(join('segments', place))
    await mkdir(to, { recursive: true })
    const segments = (await readdir(from)).filter(name => name.endsWith('.kfs')).sort()
    const count = Math.ceil((segments.length * stage) / STAGES)
    const present = new Set(await readdir(to))
    const names = await readdir(from)
    for (const segment of segments.slice(0, count)) {
      const index = segment.replace(/kfs$/, 'index')
      for (const name of [segment, index])
        if (names.includes(name) && !present.has(name)) await copyFile(join(from, name), join(to, name))
    }
    const next = segments[count]
    const end = (records.at(-1)?.[0] ?? -1) + 1
    landed.set(partition, next === undefined ? end : Math.min(end, Number(/\d+/.exec(next)?.[0])))
  }
  return landed
}

const exactIdSchema = z.union([z.int(), z.bigint()]).transform(String)
const publicationSchema = z.object({
  snapshot_id: exactIdSchema.nullable(),
  metadata_location: z.string(),
  current: z.boolean(),
})
const tableStatusSchema = z.object({
  name: z.string(),
  rows: z.int(),
  dead_letters: z.int(),
  source_gaps: z.int(),
  publications: z.tuple([publicationSchema]),
  dead_letter_publications: z.tuple([publicationSchema]),
})
export type TableStatus = z.infer<typeof tableStatusSchema>

export async function statusOf(workspace: Workspace): Promise<ReadonlyMap<string, TableStatus>> {
  const { stdout } = await workspace.tidewater(['status', '--json'])
  const { tables } = z
    .object({ tables: z.array(tableStatusSchema) })
    .parse(parseExactJson(stdout, 'the output of status'))
  return new Map(tables.map(table => [table.name, table]))
}

/** What was there after one stage. */
export interface Stage {
  /** By topic. */
  readonly landed: ReadonlyMap<string, Landed>
  /** By table. */
  readonly status: ReadonlyMap<string, TableStatus>
  /** What `run --once` said that it could not finish. */
  readonly notDone: readonly string[]
}

export interface GoldenTables {
  readonly workspace: Workspace
  readonly stages: readonly Stage[]
}

export async function makeGoldenTables(): Promise<GoldenTables> {
  const workspace = await createWorkspace()
  const places = { warehouse: 'file:./warehouse', sourceStore: 'url: "file:./segments"' }
  await workspace.write('tidewater.yaml', goldenConfig(EVERY_TABLE, places))
  const stages: Stage[] = []
  for (let stage = 1; stage <= STAGES; stage++) {
    const landed = new Map<string, Landed>()
    for (const topic of manifest.topics) landed.set(topic.topic, await landStage(workspace, topic, stage))
    const { stderr } = await workspace.tidewater(['run', '--once'])
    const notDone = stderr.split('\n').filter(line => /^(tidewater|not done):/.test(line))
    stages.push({ landed, status: await statusOf(workspace), notDone })
  }
  return { workspace, stages }
}
