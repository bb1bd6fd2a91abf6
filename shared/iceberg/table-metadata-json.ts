/**
 * `metadata.json`, format version 2 (table spec, "Table Metadata Fields" and appendix C).
 *
 * Written with the optional fields that some readers need: `refs.main`, `current-snapshot-id`, both logs, and the statistics arrays.
 * Log timestamps are clamped to rise, because the Java library rejects a table whose logs go back. Reading keeps what Tidewater
 * decides by and refuses what it would misread.
 */
import { z } from 'zod'
import { invariant } from '../runtime/errors.ts'
import { type ExactJson, exactInteger, parseExactJson, stringifyExactJson } from './exact-json.ts'
import { malformed, unsupported } from './iceberg-error.ts'
import { partitionSpecFromJson, partitionSpecToJson } from './partition-spec-json.ts'
import { schemaFromJson, schemaToJson } from './schema-json.ts'
import type { Snapshot, SnapshotRef, TableMetadata } from './table-metadata.ts'

export const FORMAT_VERSION = 2
export const MAIN_BRANCH = 'main'
/** Sort order 0 is "unsorted" and always there. */
export const UNSORTED_ORDER = { 'order-id': 0, fields: [] }
/** What the Java library writes when there is no snapshot yet; readers before 1.10 do not accept null. */
const NO_SNAPSHOT_ID = -1n

export function renderTableMetadata(metadata: TableMetadata): Uint8Array {
  checkReferences(metadata)
  const currentId = metadata.currentSnapshotId ?? metadata.snapshots.at(-1)?.snapshotId
  const snapshotLog = clampTimestamps(metadata.snapshotLog)
  const metadataLog = clampTimestamps(metadata.metadataLog)
  const lastUpdatedMs = Math.max(
    metadata.lastUpdatedMs,
    snapshotLog.at(-1)?.timestampMs ?? 0,
    metadataLog.at(-1)?.timestampMs ?? 0,
  )
  return new TextEncoder().encode(
    stringifyExactJson({
      'format-version': FORMAT_VERSION,
      'table-uuid': metadata.tableUuid,
      location: metadata.location,
      'last-sequence-number': metadata.lastSequenceNumber,
      'last-updated-ms': lastUpdatedMs,
      'last-column-id': metadata.lastColumnId,
      'current-schema-id': metadata.currentSchemaId,
      schemas: metadata.schemas.map(schemaToJson),
      'default-spec-id': metadata.defaultSpecId,
      'partition-specs': metadata.partitionSpecs.map(partitionSpecToJson),
      'last-partition-id': metadata.lastPartitionId,
      'default-sort-order-id': 0,
      'sort-orders': [UNSORTED_ORDER],
      properties: sortedKeys(metadata.properties),
      'current-snapshot-id': currentId ?? NO_SNAPSHOT_ID,
      refs: refsToJson(metadata, currentId),
      snapshots: metadata.snapshots.map(snapshotToJson),
      statistics: [],
      'partition-statistics': [],
      'snapshot-log': snapshotLog.map(entry => ({
        'timestamp-ms': entry.timestampMs,
        'snapshot-id': entry.snapshotId,
      })),
      'metadata-log': metadataLog.map(entry => ({
        'timestamp-ms': entry.timestampMs,
        'metadata-file': entry.metadataLocation,
      })),
    }),
  )
}

/** Readers fail, or worse do not, on ids that point nowhere. */
function checkReferences(metadata: TableMetadata): void {
  const { tableUuid } = metadata
  const schemaIds = new Set(metadata.schemas.map(schema => schema.schemaId))
  const snapshotIds = new Set(metadata.snapshots.map(snapshot => snapshot.snapshotId))
  invariant(schemaIds.has(metadata.currentSchemaId), `table ${tableUuid} has its current schema`)
  invariant(
    metadata.partitionSpecs.some(spec => spec.specId === metadata.defaultSpecId),
    `table ${tableUuid} has its default partition spec`,
  )
  invariant(
    metadata.currentSnapshotId === undefined || snapshotIds.has(metadata.currentSnapshotId),
    `the current snapshot ${metadata.currentSnapshotId} of table ${tableUuid} is among its snapshots`,
  )
  for (const snapshot of metadata.snapshots) {
    invariant(
      snapshot.sequenceNumber <= metadata.lastSequenceNumber,
      `snapshot ${snapshot.snapshotId} of table ${tableUuid} has a sequence number of at most ${metadata.lastSequenceNumber}`,
    )
    invariant(
      schemaIds.has(snapshot.schemaId),
      `schema ${snapshot.schemaId} of snapshot ${snapshot.snapshotId} of table ${tableUuid} is known`,
    )
    invariant(
      snapshot.summary.operation !== undefined,
      `the summary of snapshot ${snapshot.snapshotId} of table ${tableUuid} names its operation`,
    )
  }
  for (const entry of metadata.snapshotLog)
    invariant(
      snapshotIds.has(entry.snapshotId),
      `snapshot ${entry.snapshotId} in the log of table ${tableUuid} is among its snapshots`,
    )
}

function clampTimestamps<T extends { readonly timestampMs: number }>(log: readonly T[]): readonly T[] {
  let highest = 0
  return log.map(entry => {
    highest = Math.max(highest, entry.timestampMs)
    return { ...entry, timestampMs: highest }
  })
}

function sortedKeys(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1)))
}

function refsToJson(metadata: TableMetadata, currentId: bigint | undefined): ExactJson {
  const refs: Record<string, ExactJson> = {}
  if (currentId !== undefined) refs[MAIN_BRANCH] = { 'snapshot-id': currentId, type: 'branch' }
  for (const [name, ref] of Object.entries(metadata.refs ?? {}))
    refs[name] = { 'snapshot-id': ref.snapshotId, type: ref.type }
  return refs
}

export function snapshotToJson(snapshot: Snapshot): ExactJson {
  const { operation, ...rest } = snapshot.summary
  return {
    'sequence-number': snapshot.sequenceNumber,
    'snapshot-id': snapshot.snapshotId,
    ...(snapshot.parentSnapshotId === undefined ? {} : { 'parent-snapshot-id': snapshot.parentSnapshotId }),
    'timestamp-ms': snapshot.timestampMs,
    summary: { operation, ...sortedKeys(rest) },
    'manifest-list': snapshot.manifestList,
    'schema-id': snapshot.schemaId,
  }
}

const long = z.unknown().transform((value, context) => {
  const exact = exactInteger(value)
  if (exact !== undefined) return exact
  context.addIssue({ code: 'custom', message: 'expected a whole number' })
  return z.NEVER
})
const timestampMs = z.number().int()
const snapshotJson = z.object({
  'snapshot-id': long,
  'parent-snapshot-id': z.union([z.number(), z.bigint()]).nullish(),
  'sequence-number': long,
  'timestamp-ms': timestampMs,
  'manifest-list': z.string(),
  summary: z.record(z.string(), z.string()).refine(summary => summary.operation !== undefined, {
    message: 'a summary without "operation"',
  }),
  'schema-id': z.number().int().nonnegative().optional(),
})
const metadataJson = z.object({
  'table-uuid': z.string(),
  location: z.string(),
  'last-sequence-number': long,
  'last-updated-ms': timestampMs,
  'last-column-id': z.number().int().nonnegative(),
  schemas: z.array(z.unknown()),
  'current-schema-id': z.number().int().nonnegative(),
  'partition-specs': z.array(z.unknown()),
  'default-spec-id': z.number().int().nonnegative(),
  'last-partition-id': z.number().int(),
  properties: z.record(z.string(), z.string()).optional(),
  'current-snapshot-id': z.union([z.number(), z.bigint()]).nullish(),
  snapshots: z.array(snapshotJson).optional(),
  refs: z.record(z.string(), z.object({ 'snapshot-id': long, type: z.enum(['branch', 'tag']) })).optional(),
  'snapshot-log': z.array(z.object({ 'snapshot-id': long, 'timestamp-ms': timestampMs })).optional(),
  'metadata-log': z.array(z.object({ 'metadata-file': z.string(), 'timestamp-ms': timestampMs })).optional(),
})

/** `what` names the object in errors: its location. */
export function parseTableMetadata(bytes: Uint8Array, what: string): TableMetadata {
  return tableMetadataFromJson(parseExactJson(new TextDecoder().decode(bytes), what), what)
}

/** For callers that hold the parsed JSON, such as an answer of a REST catalog read by `parseExactJson`. */
export function tableMetadataFromJson(json: unknown, what: string): TableMetadata {
  const version = z.object({ 'format-version': z.number() }).safeParse(json)
  if (version.success && version.data['format-version'] !== FORMAT_VERSION)
    throw unsupported(what, `format version ${version.data['format-version']}`)
  const parsed = metadataJson.safeParse(json)
  if (!version.success || !parsed.success) {
    const error = version.error ?? parsed.error
    throw malformed(what, `not table metadata: ${error === undefined ? '' : z.prettifyError(error)}`, error)
  }
  const data = parsed.data
  const snapshots = (data.snapshots ?? [])
    .map(snapshot => snapshotFromJson(snapshot, data['current-schema-id']))
    .sort(bySequenceNumber)
  const current = presentId(data['current-snapshot-id'])
  if (current === undefined && snapshots.length > 0)
    throw unsupported(what, 'snapshots, none of which is current')
  if (current !== undefined && !snapshots.some(snapshot => snapshot.snapshotId === current))
    throw malformed(what, `current-snapshot-id ${current} is not among the snapshots`)
  return {
    tableUuid: data['table-uuid'],
    location: data.location,
    lastSequenceNumber: data['last-sequence-number'],
    lastUpdatedMs: data['last-updated-ms'],
    lastColumnId: data['last-column-id'],
    schemas: data.schemas.map(schema => schemaFromJson(schema, what)),
    currentSchemaId: data['current-schema-id'],
    partitionSpecs: data['partition-specs'].map(spec => partitionSpecFromJson(spec, what)),
    defaultSpecId: data['default-spec-id'],
    lastPartitionId: data['last-partition-id'],
    properties: data.properties ?? {},
    snapshots,
    ...(current === undefined ? {} : { currentSnapshotId: current }),
    ...otherRefs(data.refs ?? {}),
    snapshotLog: (data['snapshot-log'] ?? []).map(entry => ({
      snapshotId: entry['snapshot-id'],
      timestampMs: entry['timestamp-ms'],
    })),
    metadataLog: (data['metadata-log'] ?? []).map(entry => ({
      metadataLocation: entry['metadata-file'],
      timestampMs: entry['timestamp-ms'],
    })),
  }
}

function snapshotFromJson(json: z.infer<typeof snapshotJson>, currentSchemaId: number): Snapshot {
  const parent = presentId(json['parent-snapshot-id'])
  return {
    snapshotId: json['snapshot-id'],
    ...(parent === undefined ? {} : { parentSnapshotId: parent }),
    sequenceNumber: json['sequence-number'],
    timestampMs: json['timestamp-ms'],
    manifestList: json['manifest-list'],
    summary: json.summary,
    // Optional in the spec; without it readers take the table's current schema.
    schemaId: json['schema-id'] ?? currentSchemaId,
  }
}

/** Null, nothing and −1 all mean that there is none. */
function presentId(value: number | bigint | null | undefined): bigint | undefined {
  const id = exactInteger(value)
  return id === undefined || id === NO_SNAPSHOT_ID ? undefined : id
}

function bySequenceNumber(left: Snapshot, right: Snapshot): number {
  return left.sequenceNumber < right.sequenceNumber ? -1 : left.sequenceNumber > right.sequenceNumber ? 1 : 0
}

function otherRefs(refs: Readonly<Record<string, { 'snapshot-id': bigint; type: 'branch' | 'tag' }>>): {
  refs?: Record<string, SnapshotRef>
} {
  const others: Record<string, SnapshotRef> = {}
  for (const [name, ref] of Object.entries(refs))
    if (name !== MAIN_BRANCH) others[name] = { snapshotId: ref['snapshot-id'], type: ref.type }
  return Object.keys(others).length === 0 ? {} : { refs: others }
}
