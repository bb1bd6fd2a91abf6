/**
 * Brings the tables that the YAML declares into the metadata database: creates what is new, and holds what is there against the
 * declaration. Until evolution exists, a changed schema, partitioning or topic is an error that says so.
 */

import {
  type Config,
  deadLetterTopicLocationOf,
  deadLetterTopicOf,
  type TableConfig,
  tableLocationOf,
} from '../../shared/config/config.ts'
import { canonicalDeclaration, describeDeclarationChange } from '../../shared/config/declaration.ts'
import { DEAD_LETTER_SUFFIX } from '../../shared/config/table-name.ts'
import type { FieldOptions } from '../../shared/decode/field-options.ts'
import { metadataFields } from '../../shared/decode/kafka-metadata.ts'
import { assignFreshIds } from '../../shared/iceberg/assign-ids.ts'
import { partitionSpecOf, UNPARTITIONED_LAST_ID } from '../../shared/iceberg/build-partition-spec.ts'
import type { IcebergType, NestedField, Schema } from '../../shared/iceberg/schema.ts'
import type {
  DeadLetterTopic,
  MetadataStore,
  NewTable,
  TableDetail,
} from '../../shared/metadata/metadata-store.ts'
import { tableLocationTaken } from '../../shared/metadata/table-location-taken.ts'
import { keyOfLocation, locationOutsideStore } from '../../shared/object-store/locations.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { deadLetterFields } from '../dead-letter/dead-letter-columns.ts'
import { configuredTables } from './pattern-tables.ts'

/** A change of one entry may concern every table of its pattern. */
const MAX_REFUSALS_TOLD = 20

export interface DeclaredTable {
  readonly config: TableConfig
  readonly rows: TableDetail
  readonly deadLetters: TableDetail
}

/** What the database knows that declarations are held against. */
export interface KnownTables {
  readonly tables: readonly TableDetail[]
  /** Those of dead-letter tables, where declared. */
  readonly topics: readonly DeadLetterTopic[]
}

export async function loadKnownTables(metadata: MetadataStore): Promise<KnownTables> {
  return { tables: await metadata.listTables(), topics: await metadata.listDeadLetterTopics() }
}

/**
 * The tables that the configuration names, and those that its patterns have made. All are looked at before the first is created: a refused configuration changes nothing. What stands in the database as it is
 * declared costs no further question, however many tables there are. Errors: those of `refusalOf`.
 */
export async function declareAll(
  config: Config,
  metadata: MetadataStore,
  runtime: Runtime,
): Promise<readonly DeclaredTable[]> {
  const known = await loadKnownTables(metadata)
  const knownAs = byName(known)
  const tables = configuredTables(config, known.tables)
  const refusals = tables.flatMap(table => refusalOf(config, table, knownAs(table.name)) ?? [])
  const [first] = refusals
  if (first !== undefined) throw refusedTogether(first, refusals)
  const declared: DeclaredTable[] = []
  for (const table of tables) {
    const standing = standingTable(config, table, knownAs(table.name))
    declared.push(standing ?? (await declareTable(config, table, metadata, runtime)))
  }
  return declared
}

/** What there is to know about the table of one name: with the pair and its topic where it exists, everything where it does not. */
export function byName(known: KnownTables): (name: string) => KnownTables {
  const tables = new Map(known.tables.map(table => [table.name, table]))
  const deadLettersOf = new Map(known.tables.map(table => [table.parentTableId, table]))
  const topics = new Map(known.topics.map(topic => [topic.tableId, topic]))
  return name => {
    const rows = tables.get(name)
    if (rows === undefined) return known
    const deadLetters = deadLettersOf.get(rows.tableId)
    const topic = deadLetters === undefined ? undefined : topics.get(deadLetters.tableId)
    return {
      tables: deadLetters === undefined ? [rows] : [rows, deadLetters],
      topics: topic === undefined ? [] : [topic],
    }
  }
}

/** The table as the database has it, where declaring it again would change nothing. */
export function standingTable(
  config: Config,
  table: TableConfig,
  known: KnownTables,
): DeclaredTable | undefined {
  const rows = known.tables.find(({ name }) => name === table.name)
  const deadLetters = known.tables.find(({ parentTableId }) => parentTableId === rows?.tableId)
  if (rows === undefined || deadLetters === undefined) return undefined
  const isPlaced = topicOf(rows, known)?.location === deadLetterTopicLocationOf(config, table)
  return isPlaced && refusalOf(config, table, known) === undefined
    ? { config: table, rows, deadLetters }
    : undefined
}

/** As `declareAll`, for one. */
export async function declareTable(
  config: Config,
  table: TableConfig,
  metadata: MetadataStore,
  runtime: Runtime,
): Promise<DeclaredTable> {
  const created = newTables(config, table)
  const { table: rows } = await metadata.createTable(
    { ...created.rows, tableId: runtime.uuid() },
    { ...created.deadLetters, tableId: runtime.uuid() },
  )
  const refusal = refusalOf(config, table, { tables: [rows], topics: [] })
  if (refusal !== undefined) throw refusal
  const deadLetters = await metadata.loadTable(table.name + DEAD_LETTER_SUFFIX)
  invariant(deadLetters !== undefined, `table ${table.name} has no dead-letter table`)
  await declareTopic(config, table, metadata, deadLetters)
  return { config: table, rows, deadLetters }
}

async function declareTopic(
  config: Config,
  table: TableConfig,
  metadata: MetadataStore,
  { tableId }: TableDetail,
): Promise<void> {
  const location = deadLetterTopicLocationOf(config, table)
  const topic = deadLetterTopicOf(table.name)
  const outcome = await metadata.declareDeadLetterTopic(tableId, { topic, location })
  if (outcome.kind === 'moved') throw topicMoved(table, outcome.location, location)
}

const REFUSALS = new Set([
  'table-changed',
  'location-outside-store',
  'table-location-taken',
  'dead-letter-topic-moved',
])

/** Whether the failure is that of a declaration, and not of what runs it. */
export function isRefusal(error: unknown): error is AppError {
  return error instanceof AppError && REFUSALS.has(error.code)
}

/**
 * Why the table cannot be what it is declared to be, beside what there is: one of `REFUSALS`. Pure: `plan` asks the same.
 */
export function refusalOf(
  config: Config,
  table: TableConfig,
  { tables, topics }: KnownTables,
): AppError | undefined {
  const existing = tables.find(known => known.name === table.name)
  if (existing === undefined) return takenPlace(newTables(config, table), tables)
  const declaration = canonicalDeclaration(table)
  if (existing.declaration !== declaration)
    return tableChanged(table.name, describeDeclarationChange(existing.declaration, declaration))
  if (keyOfLocation(config.warehouse.url, existing.location) === undefined)
    return locationOutsideStore(config.warehouse, existing.location)
  const topic = topicOf(existing, { tables, topics })
  return topic === undefined ? undefined : topicRefusal(config, table, topic)
}

/** The dead-letter topic of a table, where it is declared. */
export function topicOf(table: TableDetail, { tables, topics }: KnownTables): DeadLetterTopic | undefined {
  const deadLetters = tables.find(({ parentTableId }) => parentTableId === table.tableId)
  return topics.find(({ tableId }) => tableId === deadLetters?.tableId)
}

/** A topic without a segment may still go elsewhere, as `declareDeadLetterTopic` has it. */
export function topicRefusal(
  config: Config,
  table: TableConfig,
  topic: DeadLetterTopic,
): AppError | undefined {
  const location = deadLetterTopicLocationOf(config, table)
  const hasSegments = (topic.planned?.endOffset ?? topic.renderedOffset) > 0n
  return hasSegments && topic.location !== location ? topicMoved(table, topic.location, location) : undefined
}

function takenPlace(
  { rows, deadLetters }: DeclaredPair,
  tables: readonly TableDetail[],
): AppError | undefined {
  for (const created of [rows, deadLetters]) {
    const taken = tables.find(({ name, location }) => name === created.name || location === created.location)
    if (taken !== undefined) return tableLocationTaken(created, taken)
  }
  return undefined
}

/** A table as it would be created, before it has an id. */
export type UnnumberedTable = Omit<NewTable, 'tableId'>

export interface DeclaredPair {
  readonly rows: UnnumberedTable
  readonly deadLetters: UnnumberedTable
}

/** What `table` becomes when there is none of its name. */
export function newTables(config: Config, table: TableConfig): DeclaredPair {
  const { schema, lastColumnId } = assignFreshIds([...table.fields, ...metadataFields(table.metadataColumns)])
  const { spec, lastPartitionId } = partitionSpecOf(table.partitionBy, schema)
  const rows = {
    name: table.name,
    location: tableLocationOf(config.warehouse.url, table.name),
    declaration: canonicalDeclaration(table),
    schema,
    spec,
    lastColumnId,
    lastPartitionId,
    properties: table.properties,
  }
  return { rows, deadLetters: newDeadLetterTable(config, table.name + DEAD_LETTER_SUFFIX) }
}

function newDeadLetterTable(config: Config, name: string): UnnumberedTable {
  const { schema, lastColumnId } = assignFreshIds(deadLetterFields())
  return {
    name,
    location: tableLocationOf(config.warehouse.url, name),
    schema,
    spec: { specId: 0, fields: [] },
    lastColumnId,
    lastPartitionId: UNPARTITIONED_LAST_ID,
    properties: {},
    declaration: '{}',
  }
}

function tableChanged(name: string, changes: readonly string[]): AppError {
  return new AppError({
    code: 'table-changed',
    next: 'fatal',
    message: `Table ${name} exists and its declaration has changed (${changes.join('; ')}). This version cannot evolve a table yet: restore the declaration, or declare a table with another name.`,
    details: { table: name },
  })
}

function topicMoved(table: TableConfig, expected: string, found: string): AppError {
  return new AppError({
    code: 'dead-letter-topic-moved',
    next: 'fatal',
    message: `Table ${table.name}: its dead-letter topic has segments at ${expected}, and the configuration says ${found}. A topic that went on there would lack its beginning: restore dlq_url, or leave it out again.`,
    details: { table: table.name, expected, found },
  })
}

function refusedTogether(first: AppError, refusals: readonly AppError[]): AppError {
  const more = refusals.length - MAX_REFUSALS_TOLD
  const told = refusals.slice(0, MAX_REFUSALS_TOLD).map(({ message }) => message)
  return new AppError({
    code: first.code,
    next: 'fatal',
    message: [...told, ...(more > 0 ? [`… and ${more} more; tidewater plan lists them`] : [])].join('\n'),
    details: first.details,
  })
}

/** Options by dotted path, as the YAML gives them, turned to field ids, as the decoders want them. */
export function fieldOptionsById(table: TableConfig, schema: Schema): ReadonlyMap<number, FieldOptions> {
  const byId = new Map<number, FieldOptions>()
  const visit = (id: number, type: IcebergType, path: string) => {
    const options = table.fieldOptions.get(path)
    if (options !== undefined) byId.set(id, options)
    if (type.kind === 'struct') visitFields(type.fields, `${path}.`)
    if (type.kind === 'list') visit(type.elementId, type.element, `${path}.element`)
    if (type.kind === 'map') {
      visit(type.keyId, type.key, `${path}.key`)
      visit(type.valueId, type.value, `${path}.value`)
    }
  }
  const visitFields = (fields: readonly NestedField[], prefix: string) => {
    for (const field of fields) visit(field.id, field.type, prefix + field.name)
  }
  visitFields(schema.fields, '')
  return byId
}
