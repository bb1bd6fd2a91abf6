/**
 * What concerns a table as a whole and its place among the others: names, references, columns, partitioning, properties.
 * It also checks tables of which some keys were wrong already, as far as the rest allows, so that all mistakes show at once.
 */
import { metadataFields } from '../decode/kafka-metadata.ts'
import type { NestedField } from '../iceberg/schema.ts'
import { type CheckedColumns, checkColumns } from './check-columns.ts'
import { checkPartitioning } from './check-partitioning.ts'
import { checkTopics } from './check-topics.ts'
import type { FieldShape } from './column-schema.ts'
import type { PartitionTermConfig, StartFromConfig } from './config.ts'
import type { ConfigIssue, ConfigPath } from './config-error.ts'
import type { TableShape } from './file-schema.ts'
import { closest } from './suggest.ts'
import { namespacesAround, reservedName } from './table-name.ts'

/** A table as far as it could be read; `undefined` stands for keys that were wrong. */
export type PartialTable = { readonly [K in keyof TableShape]?: TableShape[K] | undefined } & {
  /** One for each column written, `undefined` where its shape was wrong. */
  readonly fieldShapes: readonly (FieldShape | undefined)[] | undefined
  /** The place that holds the columns was wrong itself. */
  readonly schemaIsWrong: boolean
  /** Whether the entry has a key that says which topics, right or wrong. */
  readonly namesTopics: boolean
}

/** `undefined` where the list itself could not be read. */
export interface KnownNames {
  readonly sources: readonly string[] | undefined
  readonly catalogs: readonly string[] | undefined
}

export interface CheckedTable extends CheckedColumns {
  readonly partitionBy: readonly PartitionTermConfig[]
  readonly startFrom: StartFromConfig
}

export function checkTable(
  table: PartialTable,
  known: KnownNames,
  path: ConfigPath,
  issues: ConfigIssue[],
): CheckedTable {
  checkName(table, path, issues)
  checkTopics(table, path, issues)
  checkReference('source', table.source, known.sources, [...path, 'source'], issues)
  for (const [i, catalog] of (table.catalogs ?? []).entries()) {
    checkReference('catalog', catalog, known.catalogs, [...path, 'catalogs', i], issues)
  }
  checkProperties(table.properties ?? {}, [...path, 'properties'], issues)
  checkRetention(table, path, issues)
  const issuesBefore = issues.length
  const columns = columnsOf(table, path, issues)
  const isComplete = issues.length === issuesBefore && !(table.fieldShapes ?? []).includes(undefined)
  const mode = table.metadata_columns
  const all = isComplete && mode !== undefined ? [...columns.fields, ...metadataFields(mode)] : undefined
  return {
    ...columns,
    partitionBy: checkPartitioning(table.partition_by ?? [], all, [...path, 'partition_by'], issues),
    startFrom: checkStartFrom(table.start_from, [...path, 'start_from'], issues),
  }
}

function checkName(table: PartialTable, path: ConfigPath, issues: ConfigIssue[]): void {
  // What a template makes is looked at topic by topic.
  if (table.name === undefined || table.source_topics !== undefined) return
  for (const problem of reservedName(table.name, table.dlq_mode))
    issues.push({ path: [...path, 'name'], ...problem })
}

function checkReference(
  what: string,
  name: string | undefined,
  known: readonly string[] | undefined,
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  if (name === undefined || known === undefined || known.includes(name)) return
  const near = closest(name, known)
  issues.push({
    path,
    message: `there is no ${what} \`${name}\``,
    suggestion:
      near !== undefined
        ? `Did you mean ${near}?`
        : known.length === 0
          ? `Declare it under ${what}s.`
          : `Declared under ${what}s: ${known.slice(0, 20).join(', ')}.`,
  })
}

const RAW_DEFAULT_SHAPES: readonly FieldShape[] = [
  { name: 'key', type: 'binary' },
  { name: 'value', type: 'binary' },
]

function columnsOf(table: PartialTable, path: ConfigPath, issues: ConfigIssue[]): CheckedColumns {
  const isRaw = table.source_format === 'raw'
  const shapes = table.fieldShapes ?? (isRaw ? RAW_DEFAULT_SHAPES : undefined)
  if (shapes === undefined || shapes.length === 0) {
    const isReported =
      table.source_format === undefined || table.schema_mode === undefined || table.schemaIsWrong
    if (!isReported) {
      issues.push({
        path: [...path, 'schema', 'fields'],
        message: '`schema.fields` is missing: a table needs at least one column',
        suggestion: 'Add schema: { fields: [ { name: …, type: … } ] }.',
      })
    }
    return { fields: [], fieldOptions: new Map() }
  }
  const fieldsPath = [...path, 'schema', 'fields']
  const columns = checkColumns(shapes, fieldsPath, issues)
  if (isRaw) checkRawColumns(shapes, fieldsPath, issues)
  checkMetadataClash(table, columns.fields, fieldsPath, issues)
  return columns
}

function checkRawColumns(
  shapes: readonly (FieldShape | undefined)[],
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  for (const [i, shape] of shapes.entries()) {
    if (shape === undefined) continue
    if (shape.name !== 'key' && shape.name !== 'value') {
      issues.push({
        path: [...path, i, 'name'],
        message: `a raw table has only the columns \`key\` and \`value\`, found \`${shape.name}\``,
        suggestion: 'Use source_format: json to read columns from the value.',
      })
    } else if (shape.type !== 'binary' && shape.type !== 'string') {
      issues.push({
        path: [...path, i, 'type'],
        message: `column \`${shape.name}\` of a raw table is binary or string, found ${shape.type}`,
      })
    }
  }
}

function checkMetadataClash(
  table: PartialTable,
  fields: readonly NestedField[],
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  const taken = new Set(
    metadataFields(table.metadata_columns ?? 'none').map(field => field.name.toLowerCase()),
  )
  for (const field of fields) {
    if (!taken.has(field.name.toLowerCase())) continue
    const i = table.fieldShapes?.findIndex(shape => shape?.name === field.name) ?? 0
    issues.push({
      path: [...path, i, 'name'],
      message: `column \`${field.name}\` clashes with the column of that name that Tidewater adds (metadata_columns: ${table.metadata_columns})`,
      suggestion: 'Rename the column, or choose another of metadata_columns: struct, flat, none.',
    })
  }
}

/** Properties that Tidewater sets itself; another value would break readers or lose data. */
const RESERVED_PROPERTIES: Readonly<Record<string, string>> = {
  'format-version': 'Tidewater writes format version 2.',
  'gc.enabled': 'It stays false, so that no engine deletes files that another catalog reads.',
  'write.parquet.compression-codec': 'Use compression.',
  'write.target-file-size-bytes': 'Use target_file_size.',
  'write.format.default': 'Tidewater writes Parquet.',
  'history.expire.max-snapshot-age-ms': 'Use snapshot_retention.max_age.',
  'history.expire.min-snapshots-to-keep': 'Use snapshot_retention.min_count.',
}

function checkProperties(
  properties: Readonly<Record<string, string>>,
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  for (const key of Object.keys(properties)) {
    const isReserved = Object.hasOwn(RESERVED_PROPERTIES, key) || key.startsWith('tidewater.')
    if (!isReserved) continue
    issues.push({
      path: [...path, key],
      atKey: true,
      message: `the property \`${key}\` is set by Tidewater`,
      suggestion: RESERVED_PROPERTIES[key] ?? 'Remove it.',
    })
  }
}

function checkRetention(table: PartialTable, path: ConfigPath, issues: ConfigIssue[]): void {
  const retention = table.snapshot_retention
  if (retention === undefined || retention.min_count <= retention.max_count) return
  issues.push({
    path: [...path, 'snapshot_retention', 'min_count'],
    message: `min_count (${retention.min_count}) is larger than max_count (${retention.max_count})`,
    suggestion: 'Lower min_count or raise max_count.',
  })
}

function checkStartFrom(
  startFrom: TableShape['start_from'] | undefined,
  path: ConfigPath,
  issues: ConfigIssue[],
): StartFromConfig {
  if (startFrom === undefined) return { kind: 'earliest' }
  if (typeof startFrom === 'string') return { kind: startFrom }
  const { timestamp, offsets } = startFrom
  if (timestamp !== undefined && offsets === undefined) return { kind: 'timestamp', timestampMs: timestamp }
  if (offsets === undefined || timestamp !== undefined) {
    issues.push({ path, message: 'expected earliest, latest, or exactly one of timestamp and offsets' })
    return { kind: 'earliest' }
  }
  const byPartition = new Map<number, bigint>()
  for (const [partition, offset] of Object.entries(offsets)) {
    if (/^\d{1,9}$/.test(partition)) byPartition.set(Number(partition), offset)
    else {
      issues.push({
        path: [...path, 'offsets', partition],
        atKey: true,
        message: 'expected a partition number as key',
        suggestion: 'For example offsets: { 0: 100, 1: 250 }.',
      })
    }
  }
  return { kind: 'offsets', offsets: byPartition }
}

/** Tables against each other: one name each, also where case is not told apart, and no table inside another's folder. */
export function checkTableNames(names: readonly (string | undefined)[], issues: ConfigIssue[]): void {
  const byLowerCase = new Map<string, string>()
  for (const [i, name] of names.entries()) {
    if (name === undefined) continue
    const earlier = byLowerCase.get(name.toLowerCase())
    if (earlier === undefined) byLowerCase.set(name.toLowerCase(), name)
    else {
      issues.push({
        path: ['tables', i, 'name'],
        message:
          earlier === name
            ? `table \`${name}\` is declared twice`
            : `tables \`${earlier}\` and \`${name}\` differ only in case, which catalogs do not tell apart`,
        suggestion: 'Rename or remove one of the two.',
      })
    }
  }
  for (const [i, name] of names.entries()) {
    for (const namespace of namespacesAround(name?.toLowerCase() ?? '')) {
      const parent = byLowerCase.get(namespace)
      if (parent === undefined) continue
      issues.push({
        path: ['tables', i, 'name'],
        message: `\`${parent}\` is a table, so it cannot be the namespace of another: the one would lie in the folder of the other`,
        suggestion: 'Rename one of the two.',
      })
    }
  }
}
