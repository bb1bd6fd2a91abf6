/**
 * What takes a table from one metadata to another, as the updates and requirements of the Iceberg REST catalog specification: for
 * catalogs that keep the metadata of tables themselves. Pure.
 *
 * Ids are given by the catalog in the order in which things are added, as the Java library does, so the sides must agree on all that
 * both have: `differenceOf` says whether they do, and is asked first. No update ever moves a table: a location is set at creation alone.
 */
import { type ExactJson, stringifyExactJson } from './exact-json.ts'
import type { PartitionSpec } from './partition-spec.ts'
import { partitionSpecToJson } from './partition-spec-json.ts'
import type { NestedField, Schema } from './schema.ts'
import { schemaToJson } from './schema-json.ts'
import type { TableMetadata } from './table-metadata.ts'
import { FORMAT_VERSION, MAIN_BRANCH, snapshotToJson, UNSORTED_ORDER } from './table-metadata-json.ts'

/** Spelled as the specification does. */
export type TableUpdate =
  | { readonly action: 'assign-uuid'; readonly uuid: string }
  | { readonly action: 'upgrade-format-version'; readonly 'format-version': number }
  | { readonly action: 'add-schema'; readonly schema: ExactJson; readonly 'last-column-id': number }
  | { readonly action: 'set-current-schema'; readonly 'schema-id': number }
  | { readonly action: 'add-spec'; readonly spec: ExactJson }
  | { readonly action: 'set-default-spec'; readonly 'spec-id': number }
  | { readonly action: 'add-sort-order'; readonly 'sort-order': ExactJson }
  | { readonly action: 'set-default-sort-order'; readonly 'sort-order-id': number }
  | { readonly action: 'set-location'; readonly location: string }
  | { readonly action: 'set-properties'; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: 'remove-properties'; readonly removals: readonly string[] }
  | { readonly action: 'add-snapshot'; readonly snapshot: ExactJson }
  | {
      readonly action: 'set-snapshot-ref'
      readonly 'ref-name': string
      readonly type: 'branch'
      readonly 'snapshot-id': bigint
    }
  | { readonly action: 'remove-snapshots'; readonly 'snapshot-ids': readonly bigint[] }

export type TableRequirement =
  | { readonly type: 'assert-create' }
  | { readonly type: 'assert-table-uuid'; readonly uuid: string }
  | { readonly type: 'assert-ref-snapshot-id'; readonly ref: string; readonly 'snapshot-id': bigint | null }
  | { readonly type: 'assert-last-assigned-field-id'; readonly 'last-assigned-field-id': number }
  | { readonly type: 'assert-current-schema-id'; readonly 'current-schema-id': number }
  | { readonly type: 'assert-last-assigned-partition-id'; readonly 'last-assigned-partition-id': number }
  | { readonly type: 'assert-default-spec-id'; readonly 'default-spec-id': number }

export interface TableChanges {
  readonly requirements: readonly TableRequirement[]
  /** None: the table is as it is wanted. */
  readonly updates: readonly TableUpdate[]
}

/**
 * From a table as a catalog shows it to the one that is wanted there; `mayRemove` says of a property that is not wanted whether it may
 * go. Snapshots that a branch or tag besides `main` holds stay, whoever made them.
 */
export function changesBetween(
  current: TableMetadata,
  wanted: TableMetadata,
  mayRemove: (property: string) => boolean,
): TableChanges {
  const updates = [
    ...schemaAndSpecUpdates(current, wanted),
    ...propertyUpdates(current.properties, wanted.properties, mayRemove),
    ...snapshotUpdates(current, wanted),
  ]
  return { requirements: updates.length === 0 ? [] : requirementsOf(updates, current), updates }
}

/** The whole table, history and all, from nothing. */
export function creationOf(wanted: TableMetadata): TableChanges {
  return {
    // The specification allows no other beside it.
    requirements: [{ type: 'assert-create' }],
    updates: [
      { action: 'assign-uuid', uuid: wanted.tableUuid },
      { action: 'upgrade-format-version', 'format-version': FORMAT_VERSION },
      { action: 'set-location', location: wanted.location },
      ...schemaAndSpecUpdates(undefined, wanted),
      { action: 'add-sort-order', 'sort-order': UNSORTED_ORDER },
      { action: 'set-default-sort-order', 'sort-order-id': UNSORTED_ORDER['order-id'] },
      ...propertyUpdates({}, wanted.properties, () => false),
      ...snapshotUpdates(undefined, wanted),
    ],
  }
}

/**
 * A spec is bound to the schema that is current when it is added, so that one must have its source columns: where the newest has lost
 * one, an earlier schema is made current for the moment.
 */
function schemaAndSpecUpdates(current: TableMetadata | undefined, wanted: TableMetadata): TableUpdate[] {
  const updates: TableUpdate[] = []
  const knownSchemas = new Set(current?.schemas.map(({ schemaId }) => schemaId))
  for (const schema of wanted.schemas) {
    if (knownSchemas.has(schema.schemaId)) continue
    updates.push({
      action: 'add-schema',
      schema: schemaToJson(schema),
      // No longer needed, and asked for by older servers.
      'last-column-id': wanted.lastColumnId,
    })
  }
  let currentSchemaId = current?.currentSchemaId
  const makeCurrent = (schemaId: number) => {
    if (schemaId === currentSchemaId) return
    updates.push({ action: 'set-current-schema', 'schema-id': schemaId })
    currentSchemaId = schemaId
  }
  const knownSpecs = new Set(current?.partitionSpecs.map(({ specId }) => specId))
  for (const spec of wanted.partitionSpecs) {
    if (knownSpecs.has(spec.specId)) continue
    makeCurrent(schemaFor(spec, wanted))
    updates.push({ action: 'add-spec', spec: partitionSpecToJson(spec) })
  }
  makeCurrent(wanted.currentSchemaId)
  if (current?.defaultSpecId !== wanted.defaultSpecId)
    updates.push({ action: 'set-default-spec', 'spec-id': wanted.defaultSpecId })
  return updates
}

/** The current one where it has the columns, or else the newest that has. A void field has none. */
function schemaFor(spec: PartitionSpec, { schemas, currentSchemaId }: TableMetadata): number {
  const sources = spec.fields.flatMap(({ transform, sourceId }) =>
    transform.kind === 'void' ? [] : [sourceId],
  )
  const hasSources = (schema: Schema) => {
    const ids = new Set(fieldIdsOf(schema.fields))
    return sources.every(id => ids.has(id))
  }
  const newestFirst = schemas.toSorted((left, right) => right.schemaId - left.schemaId)
  const current = newestFirst.filter(({ schemaId }) => schemaId === currentSchemaId)
  return [...current, ...newestFirst].find(hasSources)?.schemaId ?? currentSchemaId
}

/** Of columns and of those inside structs: only they can be sources. */
function fieldIdsOf(fields: readonly NestedField[]): readonly number[] {
  return fields.flatMap(({ id, type }) => [id, ...(type.kind === 'struct' ? fieldIdsOf(type.fields) : [])])
}

function propertyUpdates(
  current: TableMetadata['properties'],
  wanted: TableMetadata['properties'],
  mayRemove: (property: string) => boolean,
): TableUpdate[] {
  const set = Object.entries(wanted).filter(([key, value]) => current[key] !== value)
  const removals = Object.keys(current).filter(key => wanted[key] === undefined && mayRemove(key))
  return [
    ...(set.length === 0 ? [] : [{ action: 'set-properties', updates: Object.fromEntries(set) } as const]),
    ...(removals.length === 0 ? [] : [{ action: 'remove-properties', removals } as const]),
  ]
}

function snapshotUpdates(current: TableMetadata | undefined, wanted: TableMetadata): TableUpdate[] {
  // No catalog takes a snapshot that is older than its newest. One that it does not show was added before: some show the current one alone.
  const knownUpTo = current?.lastSequenceNumber ?? 0n
  const updates: TableUpdate[] = wanted.snapshots
    .filter(({ sequenceNumber }) => sequenceNumber > knownUpTo)
    .map(snapshot => ({ action: 'add-snapshot', snapshot: snapshotToJson(snapshot) }))
  const main = currentSnapshotOf(wanted)
  if (main !== undefined && (current === undefined || currentSnapshotOf(current) !== main))
    updates.push({
      action: 'set-snapshot-ref',
      'ref-name': MAIN_BRANCH,
      type: 'branch',
      'snapshot-id': main,
    })
  // Only now: removing what `main` still points at would remove the branch.
  const removals = current === undefined ? [] : removableSnapshots(current, wanted)
  if (removals.length > 0) updates.push({ action: 'remove-snapshots', 'snapshot-ids': removals })
  return updates
}

function removableSnapshots(current: TableMetadata, wanted: TableMetadata): readonly bigint[] {
  const kept = new Set([...wanted.snapshots.map(({ snapshotId }) => snapshotId), ...heldByRefs(current)])
  return current.snapshots.flatMap(({ snapshotId }) => (kept.has(snapshotId) ? [] : [snapshotId]))
}

/** Snapshots that branches and tags besides `main` stand on. */
export function heldByRefs({ snapshots, refs = {} }: TableMetadata): ReadonlySet<bigint> {
  const byId = new Map(snapshots.map(snapshot => [snapshot.snapshotId, snapshot]))
  const held = new Set<bigint>()
  for (const ref of Object.values(refs)) {
    // A branch's history goes with it; it ends where a parent has expired. No writer makes a circle, but a file might hold one.
    let at = byId.get(ref.snapshotId)
    while (at !== undefined && !held.has(at.snapshotId)) {
      held.add(at.snapshotId)
      at = at.parentSnapshotId === undefined ? undefined : byId.get(at.parentSnapshotId)
    }
  }
  return held
}

/** What `main` points at. */
export function currentSnapshotOf({ currentSnapshotId, snapshots }: TableMetadata): bigint | undefined {
  return currentSnapshotId ?? snapshots.at(-1)?.snapshotId
}

/** As the Java library's `UpdateRequirements`, with `main` asserted always: all that is wanted was made from what it shows. */
function requirementsOf(updates: readonly TableUpdate[], current: TableMetadata): TableRequirement[] {
  const actions = new Set(updates.map(({ action }) => action))
  const requirements: TableRequirement[] = [
    { type: 'assert-table-uuid', uuid: current.tableUuid },
    {
      type: 'assert-ref-snapshot-id',
      ref: MAIN_BRANCH,
      'snapshot-id': currentSnapshotOf(current) ?? null,
    },
  ]
  if (actions.has('add-schema'))
    requirements.push({
      type: 'assert-last-assigned-field-id',
      'last-assigned-field-id': current.lastColumnId,
    })
  if (actions.has('set-current-schema'))
    requirements.push({ type: 'assert-current-schema-id', 'current-schema-id': current.currentSchemaId })
  if (actions.has('add-spec'))
    requirements.push({
      type: 'assert-last-assigned-partition-id',
      'last-assigned-partition-id': current.lastPartitionId,
    })
  if (actions.has('set-default-spec'))
    requirements.push({ type: 'assert-default-spec-id', 'default-spec-id': current.defaultSpecId })
  return requirements
}

/**
 * In words, what a catalog's table has that the wanted one has not, or has otherwise: a schema, a partition spec, a column's id. Files are
 * read by these ids, so nothing may be added to a table whose ids are others. `undefined` where all is as it should be or still to come.
 */
export function differenceOf(current: TableMetadata, wanted: TableMetadata): string | undefined {
  const schemas = new Map(wanted.schemas.map(schema => [schema.schemaId, schema]))
  for (const schema of current.schemas) {
    const ours = schemas.get(schema.schemaId)
    if (ours === undefined) return `schema ${schema.schemaId}, which Tidewater did not make`
    const [found, expected] = [shapeOf(schema), shapeOf(ours)]
    if (found !== expected) return `schema ${schema.schemaId} as ${found}, not as ${expected}`
  }
  const specs = new Map(wanted.partitionSpecs.map(spec => [spec.specId, spec]))
  for (const spec of current.partitionSpecs) {
    const ours = specs.get(spec.specId)
    if (ours === undefined) return `partition spec ${spec.specId}, which Tidewater did not make`
    const [found, expected] = [spec, ours].map(one => stringifyExactJson(partitionSpecToJson(one)))
    if (found !== expected) return `partition spec ${spec.specId} as ${found}, not as ${expected}`
  }
  return undefined
}

/** What files are read by: comments on columns are free to differ. In a schema's JSON `doc` is a key nowhere else. */
function shapeOf(schema: Schema): string {
  return JSON.stringify(schemaToJson(schema), (key, value: unknown) => (key === 'doc' ? undefined : value))
}
