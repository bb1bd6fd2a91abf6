/** A plan as the lines of a diff. Pure; the command prints and colours them. */
import { partitionSpecFromJson } from '../../shared/iceberg/partition-spec-json.ts'
import { schemaFromJson } from '../../shared/iceberg/schema-json.ts'
import type { RefusedTopic } from '../tables/find-topics.ts'
import type { CatalogTables, Difference, TablePlan, TableToCreate } from '../tables/plan-changes.ts'
import type { WaitingSource } from '../tables/waiting-source.ts'
import { schemaTree, specLines } from './schema-tree.ts'
import { counted, sizeText } from './units.ts'

export interface PlanReport {
  readonly database: {
    readonly path: string
    readonly exists: boolean
    /** Those that a run applies first; without a database all of them. */
    readonly migrations: readonly string[]
  }
  /** Tables to create or update, and the database where it is created or migrated; 0 when a run changes nothing. */
  readonly changes: number
  readonly tables: readonly (TablePlan & {
    /** For a table to be created: what waits in its topic, or why that is not known. */
    readonly waiting: WaitingSource | { readonly error: string } | null
    /** The template of the entry whose pattern makes it; null for a table that names its topic. */
    readonly pattern: string | null
  })[]
  /** Topics that a pattern matches and that become no table; a run goes on without them. */
  readonly refused_topics: readonly RefusedTopic[]
  /** Sources of patterns that could not be listed: what new topics they hold is not known. */
  readonly unlisted_sources: readonly { readonly source: string; readonly error: string }[]
}

type PlannedTable = PlanReport['tables'][number]

/** `!` is refused, a blank sign is detail without a change. */
export interface PlanLine {
  readonly sign: '+' | '~' | '-' | '!' | ' '
  readonly text: string
}

export function planLines(report: PlanReport): readonly PlanLine[] {
  return [
    ...databaseLines(report),
    ...report.tables.flatMap(table => tableLines(table, firstAlike(report, table))),
    ...topicLines(report),
    { sign: ' ', text: totalText(report) },
  ]
}

function databaseLines({ database: { path, exists, migrations } }: PlanReport): readonly PlanLine[] {
  if (!exists) return [{ sign: '+', text: `database ${path}` }]
  if (migrations.length === 0) return []
  return [{ sign: '~', text: `database ${path}: migrated first (${migrations.join(', ')})` }]
}

function totalText({ changes, tables }: PlanReport): string {
  const refused = tables.filter(({ action }) => action === 'refused').length
  if (refused > 0) return `${counted(refused, 'table')} refused: a run ends there, and takes up no table.`
  return changes === 0 ? 'No changes.' : `${counted(changes, 'change')}: tidewater run makes them.`
}

function topicLines({ refused_topics, unlisted_sources }: PlanReport): readonly PlanLine[] {
  return [
    ...refused_topics.map(({ message, code }): PlanLine => ({ sign: '!', text: `${message} [${code}]` })),
    ...unlisted_sources.map(
      ({ source, error }): PlanLine => ({
        sign: '!',
        text: `new topics of source ${source} are not known: ${error}`,
      }),
    ),
  ]
}

/** Of the tables that one pattern creates, the first is shown whole: the others differ by name and topic alone. */
function firstAlike({ tables }: PlanReport, { pattern, action }: PlannedTable): PlannedTable | undefined {
  if (pattern === null || action !== 'create') return undefined
  return tables.find(table => table.pattern === pattern && table.action === 'create')
}

function tableLines(table: PlannedTable, alike: PlannedTable | undefined): readonly PlanLine[] {
  const { action, table: name, create, location } = table
  const details = [
    ...table.differences.map(differenceLine),
    ...table.attach.map(attachLine),
    ...(action === 'detached' ? [] : table.detach.map(detachLine)),
  ]
  switch (action) {
    case 'create':
      if (create !== null && alike !== undefined && alike !== table)
        return [
          { sign: '+', text: `table ${name} at ${location}, else like ${alike.table}` },
          { sign: '+', text: `  ${readsText(create, table.waiting)}` },
        ]
      return [
        { sign: '+', text: `table ${name} at ${location}` },
        ...(create === null ? [] : createLines(create, table.waiting)),
        ...details,
      ]
    case 'detached':
      return [
        {
          sign: '-',
          text: `table ${name} is not in the configuration: nothing of it is read any more; its data stays at ${location}${catalogsText(table.detach)}`,
        },
      ]
    case 'refused':
      return [{ sign: '!', text: `table ${name} is refused [${table.refusal?.code ?? ''}]` }, ...details]
    default:
      if (details.length === 0) return []
      return [{ sign: action === 'update' ? '~' : ' ', text: `table ${name}` }, ...details]
  }
}

function catalogsText(detach: readonly CatalogTables[]): string {
  return detach.length === 0 ? '' : `, shown by ${detach.map(({ catalog }) => catalog).join(', ')} as it is`
}

function createLines(create: TableToCreate, waiting: PlannedTable['waiting']): readonly PlanLine[] {
  const schema = schemaFromJson(create.schema, 'the schema of the plan')
  const spec = specLines(partitionSpecFromJson(create.partition_spec, 'the spec of the plan'), schema)
  const properties = Object.entries(create.properties).map(([key, value]) => `  ${key} = ${value}`)
  const lines = [
    readsText(create, waiting),
    'schema',
    ...schemaTree(schema).map(line => `  ${line}`),
    ...(spec.length === 0 ? [] : ['partitioned by', ...spec.map(line => `  ${line}`)]),
    ...(properties.length === 0 ? [] : ['properties', ...properties]),
    `dead letters ${create.dead_letter_table} at ${create.dead_letter_location}`,
    `dead-letter topic at ${create.dead_letter_topic_location}`,
  ]
  return lines.map(line => ({ sign: '+', text: `  ${line}` }))
}

function readsText(create: TableToCreate, waiting: PlannedTable['waiting']): string {
  return `reads topic ${create.topic} (${create.format}) of source ${create.source} from ${create.start_from}: ${waitingText(waiting)}`
}

function waitingText(waiting: PlannedTable['waiting']): string {
  if (waiting === null) return 'not looked at'
  if ('error' in waiting) return `what waits there is not known (${waiting.error})`
  if (waiting.partitions === 0) return 'no such topic yet'
  const most = waiting.at_least ? 'at least ' : ''
  return `${most}${counted(waiting.segments, 'segment')} of ${sizeText(waiting.size_bytes)} ${waiting.segments === 1 ? 'waits' : 'wait'} in ${counted(waiting.partitions, 'partition')}`
}

const EFFECTS = {
  applied: { sign: '~', text: 'applied' },
  refused: { sign: '!', text: 'refused' },
  ignored: { sign: ' ', text: 'not applied, set only when a table is created' },
} as const

function differenceLine({ part, name, before, after, effect }: Difference): PlanLine {
  const what = name === null ? part : `${part} ${name}`
  const { sign, text } = EFFECTS[effect]
  return { sign, text: `  ${what}: ${before ?? 'none'} → ${after ?? 'none'} (${text})` }
}

const attachLine = ({ catalog, tables }: CatalogTables): PlanLine => ({
  sign: '+',
  text: `  catalog ${catalog} shows ${tables.join(' and ')}`,
})

const detachLine = ({ catalog, tables }: CatalogTables): PlanLine => ({
  sign: '-',
  text: `  catalog ${catalog} gets no more of ${tables.join(' and ')}, and goes on showing what it has`,
})
