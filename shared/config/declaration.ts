/**
 * What of a table's declaration cannot change in place until tables can evolve: columns, partitioning, topic, format, metadata columns.
 * It is kept as canonical JSON beside the table; equal declarations have equal text, whatever their order of keys in the YAML.
 * Left out on purpose: comments of columns, and everything that only concerns how new records are treated.
 */
import { z } from 'zod'
import type { IcebergType, NestedField } from '../iceberg/schema.ts'
import { primitiveText } from '../iceberg/schema-json.ts'
import { transformText } from '../iceberg/transforms.ts'
import type { TableConfig } from './config.ts'

interface Declaration {
  readonly source: string
  readonly source_topic: string
  readonly source_format: string
  readonly metadata_columns: string
  readonly partition_by: readonly string[]
  /** Dotted path of every column, element, key and value, in schema order, with its type and whether it is required. */
  readonly columns: readonly (readonly [path: string, type: string])[]
}

const declarationSchema = z.object({
  source: z.string(),
  source_topic: z.string(),
  source_format: z.string(),
  metadata_columns: z.string(),
  partition_by: z.array(z.string()),
  columns: z.array(z.tuple([z.string(), z.string()])),
})

export function canonicalDeclaration(
  table: Pick<
    TableConfig,
    'source' | 'sourceTopic' | 'sourceFormat' | 'metadataColumns' | 'partitionBy' | 'fields'
  >,
): string {
  const declaration: Declaration = {
    source: table.source,
    source_topic: table.sourceTopic,
    source_format: table.sourceFormat,
    metadata_columns: table.metadataColumns,
    partition_by: table.partitionBy.map(term => `${transformText(term.transform)}(${term.column})`),
    columns: columnsOf(table.fields, ''),
  }
  return JSON.stringify(declaration)
}

const declaredTopicSchema = declarationSchema.pick({ source: true, source_topic: true })

/** What a table was declared to read; `undefined` for a table of dead letters. */
export function declaredTopicOf(
  declaration: string,
): { readonly source: string; readonly topic: string } | undefined {
  try {
    const { data } = declaredTopicSchema.safeParse(JSON.parse(declaration))
    return data === undefined ? undefined : { source: data.source, topic: data.source_topic }
  } catch {
    return undefined
  }
}

function columnsOf(fields: readonly NestedField[], prefix: string): [string, string][] {
  return fields.flatMap(field =>
    partsOf(prefix + field.name, field.type, field.required, field.id === 0 ? '' : ` (id ${field.id})`),
  )
}

function partsOf(path: string, type: IcebergType, required: boolean, note = ''): [string, string][] {
  const flag = (required ? ' required' : '') + note
  switch (type.kind) {
    case 'struct':
      return [[path, `struct${flag}`], ...columnsOf(type.fields, `${path}.`)]
    case 'list':
      return [[path, `list${flag}`], ...partsOf(`${path}.element`, type.element, type.elementRequired)]
    case 'map':
      return [
        [path, `map${flag}`],
        ...partsOf(`${path}.key`, type.key, true),
        ...partsOf(`${path}.value`, type.value, type.valueRequired),
      ]
    default:
      return [[path, primitiveText(type) + flag]]
  }
}

/** One part that changed. `before` is null for a column that was added, `after` for one that was removed. */
export interface DeclarationChange {
  readonly part: (typeof SINGLE_PARTS)[number] | 'partition_by' | 'column' | 'column_order' | 'declaration'
  /** For `column`: its dotted path. */
  readonly column?: string
  readonly before: string | null
  readonly after: string | null
}

const SINGLE_PARTS = ['source', 'source_topic', 'source_format', 'metadata_columns'] as const

/** Empty exactly when the texts are equal. */
export function declarationChanges(before: string, after: string): readonly DeclarationChange[] {
  if (before === after) return []
  const old = parseDeclaration(before)
  const now = parseDeclaration(after)
  const whole = { part: 'declaration', before, after } as const
  if (old === undefined || now === undefined) return [whole]
  const changes: DeclarationChange[] = []
  for (const part of SINGLE_PARTS) {
    if (old[part] !== now[part]) changes.push({ part, before: old[part], after: now[part] })
  }
  const partitioning = ({ partition_by }: Declaration) => `[${partition_by.join(', ')}]`
  if (partitioning(old) !== partitioning(now))
    changes.push({ part: 'partition_by', before: partitioning(old), after: partitioning(now) })
  changes.push(...columnChanges(old, now))
  return changes.length > 0 ? changes : [whole]
}

/** The parts that changed, in words: "column `amount`: decimal(12, 2) → decimal(14, 2)". Empty when nothing did. */
export function describeDeclarationChange(before: string, after: string): string[] {
  return declarationChanges(before, after).map(describeChange)
}

export function describeChange({ part, column, before, after }: DeclarationChange): string {
  if (part === 'declaration') return 'the declaration'
  if (part === 'column_order') return 'the order of the columns'
  const name = part === 'column' ? `column \`${column}\`` : part
  if (before === null) return `${name} added`
  return after === null ? `${name} removed` : `${name}: ${before} → ${after}`
}

function columnChanges(old: Declaration, now: Declaration): readonly DeclarationChange[] {
  const before = new Map(old.columns)
  const after = new Map(now.columns)
  const paths = [...before.keys(), ...[...after.keys()].filter(path => !before.has(path))]
  const changes = paths.flatMap((column): DeclarationChange[] => {
    const change = { before: before.get(column) ?? null, after: after.get(column) ?? null }
    return change.before === change.after ? [] : [{ part: 'column', column, ...change }]
  })
  const [oldOrder, newOrder] = [before, after].map(columns => [...columns.keys()].join(', '))
  if (changes.length > 0 || oldOrder === newOrder) return changes
  return [{ part: 'column_order', before: oldOrder ?? null, after: newOrder ?? null }]
}

function parseDeclaration(text: string): Declaration | undefined {
  try {
    return declarationSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
