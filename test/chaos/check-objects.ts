/**
 * The objects of the warehouse against the ledger and against each other. What the ledger names is there; what it does not name is of
 * Tidewater's own name scheme and of work that was never committed: a claim that was lost, a snapshot or a metadata file whose intent
 * was dropped. No file is added by two snapshots.
 */
import { basename } from 'node:path'
import { readManifest } from '../../shared/iceberg/manifest.ts'
import { OFFSETS_LOCATION_KEY } from '../../shared/iceberg/snapshot-offsets.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { mapBounded } from '../../shared/runtime/map-bounded.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import type { PostgresServer } from '../servers/postgres.ts'

const MAX_READS = 16
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const DATA_FILE = new RegExp(`/data/(?:.*/)?(${UUID})-\\d{5}\\.parquet$`)
const SNAPSHOT_FILE = new RegExp(
  `/metadata/(?:snap-)?(\\d+)-(?:m\\d+-${UUID}\\.avro|1-${UUID}\\.avro|offsets-[0-9a-f]{16}\\.json)$`,
)
const METADATA_FILE = new RegExp(`/metadata/\\d{5,}-${UUID}\\.metadata\\.json$`)

export interface Ledger {
  /** By key in the warehouse; with the size where the ledger has one. */
  readonly named: ReadonlyMap<string, bigint | undefined>
  /** Claim tokens that committed. */
  readonly tokens: ReadonlySet<string>
  /** Ids of snapshots that were cut. */
  readonly snapshotIds: ReadonlySet<string>
  readonly manifests: readonly string[]
}

export interface ObjectFindings {
  readonly findings: readonly string[]
  /** What unfinished work left behind. */
  readonly orphans: number
}

export async function checkObjects(
  warehouse: ObjectStore,
  postgres: PostgresServer,
): Promise<ObjectFindings> {
  const ledger = await readLedger(warehouse, postgres)
  const sizes = new Map<string, bigint>()
  for await (const { key, sizeBytes } of warehouse.list({ prefix: '' })) sizes.set(key, BigInt(sizeBytes))
  const missing = [...ledger.named].flatMap(([key, expected]) => {
    const found = sizes.get(key)
    if (found === undefined) return [`${key} is named by the ledger and is not there`]
    const isRight = expected === undefined || expected === found
    return isRight ? [] : [`${key}: expected ${expected} bytes, found ${found}`]
  })
  const orphans = [...sizes.keys()].filter(key => !ledger.named.has(key))
  return {
    findings: [
      ...missing,
      ...orphans.flatMap(key => judgeOrphan(key, ledger)),
      ...(await filesAddedTwice(warehouse, ledger.manifests)),
    ],
    orphans: orphans.length,
  }
}

/** Why an object that the ledger does not name cannot be what unfinished work left behind. */
export function judgeOrphan(key: string, { tokens, snapshotIds }: Ledger): readonly string[] {
  const [, token] = DATA_FILE.exec(key) ?? []
  if (token !== undefined)
    return tokens.has(token) ? [`${key} is of a claim that committed, and the ledger does not name it`] : []
  const [, snapshotId] = SNAPSHOT_FILE.exec(key) ?? []
  if (snapshotId !== undefined)
    return snapshotIds.has(snapshotId)
      ? [`${key} is of a snapshot that was cut, and the ledger does not name it`]
      : []
  return METADATA_FILE.test(key) ? [] : [`${key} has no name that Tidewater gives`]
}

async function readLedger(warehouse: ObjectStore, postgres: PostgresServer): Promise<Ledger> {
  const rows = async (sql: string) => await postgres.query(sql)
  const named = new Map<string, bigint | undefined>()
  const tokens = new Set<string>()
  const name = (location: unknown, size?: unknown) => {
    if (typeof location !== 'string') return
    named.set(locationToKey(warehouse, location), size === undefined ? undefined : BigInt(String(size)))
  }
  const files = await rows(
    'select path, file_size_bytes from data_file union select path, file_size_bytes from dead_letter_topic_file',
  )
  for (const { path, file_size_bytes } of files) {
    name(path, file_size_bytes)
    const [, token] = DATA_FILE.exec(String(path)) ?? []
    if (token !== undefined) tokens.add(token)
  }
  const manifests = await rows('select path, length_bytes from manifest')
  for (const { path, length_bytes } of manifests) name(path, length_bytes)
  const snapshots = await rows('select snapshot_id, manifest_list_path, summary, state from snapshot')
  for (const { manifest_list_path, summary } of snapshots) {
    name(manifest_list_path)
    name(JSON.parse(String(summary))[OFFSETS_LOCATION_KEY])
  }
  for (const { metadata_location, metadata_log } of await rows('select * from publication')) {
    name(metadata_location)
    for (const location of String(metadata_log).match(/[a-z0-9]+:\/\/[^"]+/g) ?? []) name(location)
  }
  const segments = await rows(
    "select topic, base_offset from dead_letter_segment join dead_letter_topic using (table_id) where state = 'rendered'",
  )
  for (const { topic, base_offset } of segments) {
    const place = { topic: String(topic), partition: 0, baseOffset: BigInt(String(base_offset)) }
    for (const key of [segmentObjectKey(place), indexObjectKey(place)]) named.set(`_topics/${key}`, undefined)
  }
  const cut = snapshots.filter(({ state }) => state !== 'intent')
  return {
    named,
    tokens,
    snapshotIds: new Set(cut.map(({ snapshot_id }) => String(snapshot_id))),
    manifests: manifests.map(({ path }) => String(path)),
  }
}

/** A manifest says of each file in which snapshot it was added; merging it later says "existing". */
async function filesAddedTwice(
  warehouse: ObjectStore,
  manifests: readonly string[],
): Promise<readonly string[]> {
  const addedBy = new Map<string, string>()
  const findings: string[] = []
  await mapBounded(manifests, MAX_READS, async path => {
    const { entries } = readManifest(await warehouse.get(locationToKey(warehouse, path)), path)
    for (const { status, file } of entries) {
      if (status !== 'added') continue
      const other = addedBy.get(file.path)
      if (other !== undefined)
        findings.push(`${file.path} is added by ${basename(other)} and by ${basename(path)}`)
      addedBy.set(file.path, path)
    }
  })
  return findings
}
