/**
 * What the next `tidewater run` would make of the configuration, decided from the database's state alone. Pure: `declareAll` asks the
 * same `refusalOf` and `newTables`, so that plan and run cannot disagree. Field names are a stable interface (docs/cli.md).
 *
 * A change is what a run writes. What the database has and the configuration no longer names is told too, and is no change: nothing
 * records whether the last run knew of it, and a run does nothing to it.
 */

import {
  type Config,
  deadLetterTopicLocationOf,
  type StartFromConfig,
  type TableConfig,
} from '../../shared/config/config.ts'
import { type DeclarationChange, declarationChanges } from '../../shared/config/declaration.ts'
import { DEAD_LETTER_SUFFIX } from '../../shared/config/table-name.ts'
import type { ExactJson } from '../../shared/iceberg/exact-json.ts'
import { partitionSpecToJson } from '../../shared/iceberg/partition-spec-json.ts'
import type { Schema } from '../../shared/iceberg/schema.ts'
import { schemaToJson } from '../../shared/iceberg/schema-json.ts'
import { columnsThroughStructs } from '../../shared/iceberg/schema-lookup.ts'
import type { Publication, TableDetail } from '../../shared/metadata/metadata-store.ts'
import { type KnownTables, newTables, refusalOf, topicOf, topicRefusal } from './declare-table.ts'
import { currentSchemaOf } from './describe-table.ts'

export interface KnownState extends KnownTables {
  /** Of every table. */
  readonly publications: readonly Publication[]
}

export interface TablePlan {
  readonly table: string
  /** `detached`: in the database and not in the configuration. */
  readonly action: 'create' | 'update' | 'unchanged' | 'refused' | 'detached'
  readonly refusal: { readonly code: string; readonly message: string } | null
  readonly create: TableToCreate | null
  readonly differences: readonly Difference[]
  /** Catalogs that do not show the table, or its dead letters, yet. */
  readonly attach: readonly CatalogTables[]
  /** Catalogs that the configuration no longer names for it: they go on showing what they were last given. */
  readonly detach: readonly CatalogTables[]
  readonly location: string
}

export interface TableToCreate {
  /** As Iceberg writes them, with the field ids that a run would give. */
  readonly schema: ExactJson
  readonly partition_spec: ExactJson
  readonly properties: Readonly<Record<string, string>>
  readonly dead_letter_table: string
  readonly dead_letter_location: string
  readonly dead_letter_topic_location: string
  readonly source: string
  readonly topic: string
  readonly format: TableConfig['sourceFormat']
  readonly start_from: string
}

/** `applied` by a run; `refused`: it ends with the table's refusal; `ignored`: set when a table is created, and not changed afterwards by this version. */
export interface Difference {
  readonly part: DeclarationChange['part'] | 'property' | 'comment' | 'dead_letter_topic'
  /** The column or property. */
  readonly name: string | null
  readonly before: string | null
  readonly after: string | null
  readonly effect: 'applied' | 'refused' | 'ignored'
}

export interface CatalogTables {
  readonly catalog: string
  readonly tables: readonly string[]
}

export function planChanges(config: Config, state: KnownState): readonly TablePlan[] {
  const declared = config.tables.map(table => planTable(config, table, state))
  const names = new Set(config.tables.map(({ name }) => name))
  const detached = state.tables.filter(({ name, kind }) => kind === 'rows' && !names.has(name))
  return [...declared, ...detached.map(table => detachedPlan(table, state))]
}

/** Whether a run would write something for it. */
export function isChange({ action }: TablePlan): boolean {
  return action === 'create' || action === 'update'
}

function planTable(config: Config, table: TableConfig, state: KnownState): TablePlan {
  const existing = state.tables.find(({ name }) => name === table.name)
  const refusal = refusalOf(config, table, state)
  const attach = refusal === undefined ? toAttach(table, state) : []
  const differences = existing === undefined ? [] : differencesOf(config, table, existing, state)
  const hasChanges = attach.length > 0 || differences.some(({ effect }) => effect === 'applied')
  return {
    table: table.name,
    action: actionOf({ isRefused: refusal !== undefined, isNew: existing === undefined, hasChanges }),
    refusal: refusal === undefined ? null : { code: refusal.code, message: refusal.message },
    create: existing === undefined && refusal === undefined ? toCreate(config, table) : null,
    // A run that refuses one table applies nothing to any.
    differences: differences.filter(({ effect }) => refusal === undefined || effect !== 'applied'),
    attach,
    detach:
      existing === undefined ? [] : shownIn(existing, state, catalog => !table.catalogs.includes(catalog)),
    location: existing?.location ?? newTables(config, table).rows.location,
  }
}

function actionOf(found: {
  readonly isRefused: boolean
  readonly isNew: boolean
  readonly hasChanges: boolean
}): TablePlan['action'] {
  if (found.isRefused) return 'refused'
  if (found.isNew) return 'create'
  return found.hasChanges ? 'update' : 'unchanged'
}

function detachedPlan(table: TableDetail, state: KnownState): TablePlan {
  return {
    table: table.name,
    action: 'detached',
    refusal: null,
    create: null,
    differences: [],
    attach: [],
    detach: shownIn(table, state, () => true),
    location: table.location,
  }
}

function toCreate(config: Config, table: TableConfig): TableToCreate {
  const { rows, deadLetters } = newTables(config, table)
  return {
    schema: schemaToJson(rows.schema),
    partition_spec: partitionSpecToJson(rows.spec),
    properties: rows.properties,
    dead_letter_table: deadLetters.name,
    dead_letter_location: deadLetters.location,
    dead_letter_topic_location: deadLetterTopicLocationOf(config, table),
    source: table.source,
    topic: table.sourceTopic,
    format: table.sourceFormat,
    start_from: startText(table.startFrom),
  }
}

function startText(start: StartFromConfig): string {
  if (start.kind === 'timestamp') return new Date(start.timestampMs).toISOString()
  if (start.kind !== 'offsets') return start.kind
  return `offsets ${[...start.offsets].map(([partition, offset]) => `${partition}: ${offset}`).join(', ')}`
}

function differencesOf(
  config: Config,
  table: TableConfig,
  existing: TableDetail,
  state: KnownState,
): readonly Difference[] {
  const { rows } = newTables(config, table)
  const refused = declarationChanges(existing.declaration, rows.declaration).map(
    ({ part, column, before, after }): Difference => ({
      part,
      name: column ?? null,
      before,
      after,
      effect: 'refused',
    }),
  )
  const properties = changedTexts(toTexts(existing.properties), toTexts(rows.properties))
  const [before, after] = [commentsOf(currentSchemaOf(existing)), commentsOf(rows.schema)]
  // A column that only one side has is a difference of the declaration already.
  const comments = changedTexts(before, after).filter(({ name }) => before.has(name) && after.has(name))
  return [
    ...refused,
    ...topicDifference(config, table, existing, state),
    ...properties.map((change): Difference => ({ part: 'property', ...change, effect: 'ignored' })),
    ...comments.map((change): Difference => ({ part: 'comment', ...change, effect: 'ignored' })),
  ]
}

function topicDifference(
  config: Config,
  table: TableConfig,
  existing: TableDetail,
  state: KnownState,
): readonly Difference[] {
  const topic = topicOf(existing, state)
  const after = deadLetterTopicLocationOf(config, table)
  if (topic?.location === after) return []
  const isRefused = topic !== undefined && topicRefusal(config, table, topic) !== undefined
  const effect = isRefused ? 'refused' : 'applied'
  return [{ part: 'dead_letter_topic', name: null, before: topic?.location ?? null, after, effect }]
}

type Texts = ReadonlyMap<string, string | null>

const toTexts = (properties: Readonly<Record<string, string>>): Texts => new Map(Object.entries(properties))

function commentsOf(schema: Schema): Texts {
  return new Map(Array.from(columnsThroughStructs(schema), ({ name, field }) => [name, field.doc ?? null]))
}

interface TextChange {
  readonly name: string
  readonly before: string | null
  readonly after: string | null
}

function changedTexts(before: Texts, after: Texts): readonly TextChange[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map(name => ({ name, before: before.get(name) ?? null, after: after.get(name) ?? null }))
    .filter(change => change.before !== change.after)
}

/** What a publisher waits with for a person (`held`) is nothing that a run would change. */
function toAttach(table: TableConfig, { tables, publications }: KnownState): readonly CatalogTables[] {
  const names = [table.name, table.name + DEAD_LETTER_SUFFIX]
  return table.catalogs
    .map(catalog => ({
      catalog,
      tables: names.filter(name => {
        const tableId = tables.find(known => known.name === name)?.tableId
        const shown = publications.find(known => known.tableId === tableId && known.catalog === catalog)
        return shown?.metadataLocation === undefined && shown?.state !== 'held'
      }),
    }))
    .filter(({ tables }) => tables.length > 0)
}

/** The catalogs among `wanted` that show the table or its dead letters. */
function shownIn(
  table: TableDetail,
  { tables, publications }: KnownState,
  wanted: (catalog: string) => boolean,
): readonly CatalogTables[] {
  const pair = tables.filter(({ tableId, parentTableId }) => [tableId, parentTableId].includes(table.tableId))
  const catalogs = new Map<string, string[]>()
  for (const { tableId, name } of pair) {
    for (const { catalog, metadataLocation } of publications.filter(shown => shown.tableId === tableId)) {
      if (metadataLocation === undefined || !wanted(catalog)) continue
      catalogs.set(catalog, [...(catalogs.get(catalog) ?? []), name])
    }
  }
  return [...catalogs].map(([catalog, names]) => ({ catalog, tables: names }))
}
