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

/** The parts that changed, in words: "column `amount`: decimal(12, 2) → decimal(14, 2)". Empty when nothing did. */
export function describeDeclarationChange(before: string, after: string): string[] {
  const old = parseDeclaration(before)
  const now = parseDeclaration(after)
  if (old === undefined || now === undefined) return before === after ? [] : ['the declaration']
  const changes: string[] = []
  for (const key of ['source', 'source_topic', 'source_format', 'metadata_columns'] as const) {
    if (old[key] !== now[key]) changes.push(`${key}: ${old[key]} → ${now[key]}`)
  }
  const partitioning = [old, now].map(declaration => `[${declaration.partition_by.join(', ')}]`)
  if (partitioning[0] !== partitioning[1]) changes.push(`partition_by: ${partitioning.join(' → ')}`)
  return [...changes, ...describeColumns(old, now)]
}

function describeColumns(old: Declaration, now: Declaration): string[] {
  const before = new Map(old.columns)
  const after = new Map(now.columns)
  const changes: string[] = []
  for (const [path, type] of before) {
    const current = after.get(path)
    if (current === undefined) changes.push(`column \`${path}\` removed`)
    else if (current !== type) changes.push(`column \`${path}\`: ${type} → ${current}`)
  }
  for (const path of after.keys()) if (!before.has(path)) changes.push(`column \`${path}\` added`)
  const isReordered = [...before.keys()].join('\n') !== [...after.keys()].join('\n')
  return changes.length === 0 && isReordered ? ['the order of the columns'] : changes
}

function parseDeclaration(text: string): Declaration | undefined {
  try {
    return declarationSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
