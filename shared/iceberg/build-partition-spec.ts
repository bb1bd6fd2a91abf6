/**
 * From what users write, `day(created_at)`, to a partition spec with the names and ids that the Java library gives:
 * `created_at_day`, `id_bucket`, `name_trunc`, `ts_hour`, and the column's own name for identity; field ids from 1000.
 */
import { invalidDefinition } from './iceberg-error.ts'
import type { PartitionField, PartitionSpec, Transform } from './partition-spec.ts'
import type { Schema } from './schema.ts'
import { primitiveText } from './schema-json.ts'
import { type ColumnPosition, columnsThroughStructs, findColumnByName, isPrimitive } from './schema-lookup.ts'
import { resultType, transformText } from './transforms.ts'

/** `last-partition-id` of a table that never gave out a partition field id. */
export const UNPARTITIONED_LAST_ID = 999
const MAX_PARTITION_FIELDS = 32
const MAX_INT = 2_147_483_647

const NAME_SUFFIX: Readonly<Record<Transform['kind'], string>> = {
  identity: '',
  bucket: '_bucket',
  truncate: '_trunc',
  year: '_year',
  month: '_month',
  day: '_day',
  hour: '_hour',
  void: '_null',
}

export interface PartitionTerm {
  readonly transform: Transform
  /** Dotted name of the source column. */
  readonly column: string
}

/**
 * `region`, `identity(region)`, `year(ts)`, `month(ts)`, `day(ts)`, `hour(ts)` (plurals too, as Spark spells them),
 * `bucket(16, id)`, `truncate(4, name)`, the two arguments in either order, `void(region)`. Throws `iceberg-invalid-definition`.
 */
export function parsePartitionTerm(text: string): PartitionTerm {
  const call = /^\s*([a-z]+)\s*\(([^()]*)\)\s*$/i.exec(text)
  if (call === null) {
    const column = text.trim()
    if (column === '' || /[(),]/.test(column)) throw invalidTerm(text)
    return { transform: { kind: 'identity' }, column }
  }
  const name = (call[1] ?? '').toLowerCase()
  const args = (call[2] ?? '').split(',').map(arg => arg.trim())
  if (name === 'bucket' || name === 'truncate') {
    const parameter = args.find(arg => /^\d{1,10}$/.test(arg))
    const column = args.find(arg => arg !== parameter)
    if (args.length !== 2 || parameter === undefined || column === undefined || column === '')
      throw invalidTerm(text)
    const value = Number(parameter)
    if (value < 1 || value > MAX_INT) throw invalidTerm(text)
    return {
      transform: name === 'bucket' ? { kind: 'bucket', buckets: value } : { kind: 'truncate', width: value },
      column,
    }
  }
  const column = args[0] ?? ''
  if (args.length !== 1 || column === '') throw invalidTerm(text)
  switch (name.replace(/s$/, '')) {
    case 'identity':
      return { transform: { kind: 'identity' }, column }
    case 'year':
      return { transform: { kind: 'year' }, column }
    case 'month':
      return { transform: { kind: 'month' }, column }
    case 'day':
      return { transform: { kind: 'day' }, column }
    case 'hour':
      return { transform: { kind: 'hour' }, column }
    case 'void':
      return { transform: { kind: 'void' }, column }
    default:
      throw invalidTerm(text)
  }
}

/** The first spec of a table. Nothing to partition by gives spec 0 without fields and `lastPartitionId` 999. */
export function partitionSpecOf(
  partitionBy: readonly (string | PartitionTerm)[],
  schema: Schema,
): { spec: PartitionSpec; lastPartitionId: number } {
  if (partitionBy.length > MAX_PARTITION_FIELDS)
    throw invalidDefinition(
      `A table is partitioned by at most ${MAX_PARTITION_FIELDS} fields, found ${partitionBy.length}.`,
    )
  const fields: PartitionField[] = []
  for (const entry of partitionBy) {
    const term = typeof entry === 'string' ? parsePartitionTerm(entry) : entry
    fields.push(partitionField(term, schema, fields))
  }
  return { spec: { specId: 0, fields }, lastPartitionId: UNPARTITIONED_LAST_ID + fields.length }
}

function partitionField(
  term: PartitionTerm,
  schema: Schema,
  earlier: readonly PartitionField[],
): PartitionField {
  const source = sourceColumn(term, schema)
  const name = source.name + NAME_SUFFIX[term.transform.kind]
  const clash = findColumnByName(schema, name)
  if (clash !== undefined && clash.field.id !== source.field.id)
    throw invalidDefinition(
      `The partition field of ${termText(term)} would be named "${name}", but a column has that name: rename the column.`,
      { name },
    )
  const redundant = earlier.find(
    field =>
      field.name === name ||
      (field.sourceId === source.field.id && dedupKey(field.transform) === dedupKey(term.transform)),
  )
  if (redundant !== undefined)
    throw invalidDefinition(
      `${termText(term)} is redundant beside "${redundant.name}": keep the finer one of the two.`,
      { name },
    )
  return {
    sourceId: source.field.id,
    fieldId: UNPARTITIONED_LAST_ID + 1 + earlier.length,
    name,
    transform: term.transform,
  }
}

function sourceColumn(term: PartitionTerm, schema: Schema): ColumnPosition {
  const source = findColumnByName(schema, term.column)
  if (source === undefined) {
    const names = Array.from(columnsThroughStructs(schema), column => column.name)
    throw invalidDefinition(
      `${termText(term)}: there is no column "${term.column}" outside lists and maps; columns are ${names.slice(0, 50).join(', ')}.`,
      { column: term.column },
    )
  }
  const type = source.field.type
  if (!isPrimitive(type) || resultType(term.transform, type) === undefined)
    throw invalidDefinition(
      `${termText(term)}: column "${term.column}" is a ${isPrimitive(type) ? primitiveText(type) : type.kind}, which ${term.transform.kind} does not take.`,
      { column: term.column },
    )
  // Spark orders uuids by signed, others by unsigned bytes: with manifests bounded by either, one of them skips files that match.
  if (type.kind === 'uuid' && term.transform.kind === 'identity')
    throw invalidDefinition(
      `${termText(term)}: column "${term.column}" is a uuid, and readers disagree on the order of uuids, so that rows would be missed: use bucket(16, ${term.column}).`,
      { column: term.column },
    )
  return source
}

/** Iceberg refuses two time transforms of one column in one spec. */
function dedupKey(transform: Transform): string {
  return ['year', 'month', 'day', 'hour'].includes(transform.kind) ? 'time' : transformText(transform)
}

function termText(term: PartitionTerm): string {
  return `partition_by ${transformText(term.transform)}(${term.column})`
}

function invalidTerm(text: string): Error {
  return invalidDefinition(
    `partition_by "${text}" is not understood: expected a column, or year(c), month(c), day(c), hour(c), bucket(16, c), truncate(4, c) or void(c).`,
    { found: text },
  )
}
