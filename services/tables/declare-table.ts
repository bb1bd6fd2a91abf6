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
import type { FieldOptions } from '../../shared/decode/field-options.ts'
import { metadataFields } from '../../shared/decode/kafka-metadata.ts'
import { assignFreshIds } from '../../shared/iceberg/assign-ids.ts'
import { partitionSpecOf, UNPARTITIONED_LAST_ID } from '../../shared/iceberg/build-partition-spec.ts'
import type { IcebergType, NestedField, Schema } from '../../shared/iceberg/schema.ts'
import type { MetadataStore, NewTable, TableDetail } from '../../shared/metadata/metadata-store.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import { deadLetterFields } from '../dead-letter/dead-letter-columns.ts'

/** What is added to a table's name for its dead letters. */
export const DEAD_LETTER_SUFFIX = '__dlq'

export interface DeclaredTable {
  readonly config: TableConfig
  readonly rows: TableDetail
  readonly deadLetters: TableDetail
}

/** Errors: `table-changed` (fatal), which names every part that changed; `location-outside-store` when the warehouse has moved; `dead-letter-topic-moved`. */
export async function declareTable(
  config: Config,
  table: TableConfig,
  metadata: MetadataStore,
  runtime: Runtime,
): Promise<DeclaredTable> {
  const declaration = canonicalDeclaration(table)
  const { table: rows } = await metadata.createTable(
    newRowsTable(config, table, { declaration, tableId: runtime.uuid() }),
    newDeadLetterTable(config, table, runtime.uuid()),
  )
  if (rows.declaration !== declaration)
    throw tableChanged(table.name, describeDeclarationChange(rows.declaration, declaration))
  locationToKey(config.warehouse, rows.location)
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
  if (outcome.kind === 'declared') return
  throw new AppError({
    code: 'dead-letter-topic-moved',
    next: 'fatal',
    message: `Table ${table.name}: its dead-letter topic has segments at ${outcome.location}, and the configuration says ${location}. A topic that went on there would lack its beginning: restore dlq_url, or leave it out again.`,
    details: { table: table.name, expected: outcome.location, found: location },
  })
}

function newRowsTable(
  config: Config,
  table: TableConfig,
  given: { readonly declaration: string; readonly tableId: string },
): NewTable {
  const { schema, lastColumnId } = assignFreshIds([...table.fields, ...metadataFields(table.metadataColumns)])
  const { spec, lastPartitionId } = partitionSpecOf(table.partitionBy, schema)
  return {
    ...given,
    name: table.name,
    location: tableLocationOf(config.warehouse.url, table.name),
    schema,
    spec,
    lastColumnId,
    lastPartitionId,
    properties: table.properties,
  }
}

function newDeadLetterTable(config: Config, table: TableConfig, tableId: string): NewTable {
  const name = table.name + DEAD_LETTER_SUFFIX
  const { schema, lastColumnId } = assignFreshIds(deadLetterFields())
  return {
    tableId,
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
