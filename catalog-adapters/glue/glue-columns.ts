/**
 * The columns of a table as Glue lists them, for its console, Lake Formation and whoever browses. Engines read the metadata file.
 * Types and parameters are those that Iceberg's own library writes (IcebergToGlueConverter): columns of the current schema, then those
 * that only older schemas have, with `iceberg.field.current` false.
 */
import type { Column } from '@aws-sdk/client-glue'
import type { IcebergType, NestedField } from '../../shared/iceberg/schema.ts'
import type { TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { unreachable } from '../../shared/runtime/errors.ts'

/** Glue's own limit on a comment. */
const MAX_COMMENT_CHARACTERS = 255

/** `comments`: by column name, those that people gave in Glue to columns that have none in the schema. */
export function glueColumns(
  { schemas, currentSchemaId }: Pick<TableMetadata, 'schemas' | 'currentSchemaId'>,
  comments: ReadonlyMap<string, string>,
): Column[] {
  const isCurrent = ({ schemaId }: { readonly schemaId: number }) => schemaId === currentSchemaId
  const listed = new Map<string, Column>()
  const list = (fields: readonly NestedField[], current: boolean) => {
    for (const field of fields) {
      const name = field.name.toLowerCase()
      if (!listed.has(name)) listed.set(name, glueColumn(field, current, comments.get(field.name)))
    }
  }
  for (const schema of schemas.filter(isCurrent)) list(schema.fields, true)
  for (const schema of schemas.filter(schema => !isCurrent(schema))) list(schema.fields, false)
  return [...listed.values()]
}

function glueColumn(field: NestedField, current: boolean, given: string | undefined): Column {
  const comment = field.doc === undefined || field.doc === '' ? given : field.doc
  return {
    Name: field.name,
    Type: glueType(field.type),
    ...(comment !== undefined && { Comment: shortened(comment) }),
    Parameters: {
      'iceberg.field.id': String(field.id),
      'iceberg.field.optional': String(!field.required),
      'iceberg.field.current': String(current),
    },
  }
}

/** Whole code points, on one line as Glue wants it. */
function shortened(comment: string): string {
  let kept = ''
  for (const character of comment.replaceAll(/\s+/g, ' ')) {
    if (kept.length + character.length > MAX_COMMENT_CHARACTERS) break
    kept += character
  }
  return kept
}

/** Hive's words for a type. */
export function glueType(type: IcebergType): string {
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'float':
    case 'double':
    case 'date':
    case 'string':
    case 'binary':
      return type.kind
    case 'long':
      return 'bigint'
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`
    case 'time':
    case 'uuid':
      return 'string'
    case 'timestamp':
    case 'timestamptz':
      return 'timestamp'
    case 'fixed':
      return 'binary'
    case 'struct':
      return `struct<${type.fields.map(field => `${field.name}:${glueType(field.type)}`).join(',')}>`
    case 'list':
      return `array<${glueType(type.element)}>`
    case 'map':
      return `map<${glueType(type.key)},${glueType(type.value)}>`
    default:
      return unreachable(type)
  }
}
