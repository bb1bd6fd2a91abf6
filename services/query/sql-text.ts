/** Writing names, texts and types into SQL for DuckDB. */
import type { IcebergType } from '../../shared/iceberg/schema.ts'
import { unreachable } from '../../shared/runtime/errors.ts'

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** The DuckDB type that holds every value of an Iceberg type. */
export function duckdbType(type: IcebergType): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN'
    case 'int':
      return 'INTEGER'
    case 'long':
      return 'BIGINT'
    case 'float':
      return 'FLOAT'
    case 'double':
      return 'DOUBLE'
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'date':
      return 'DATE'
    case 'time':
      return 'TIME'
    case 'timestamp':
      return 'TIMESTAMP'
    case 'timestamptz':
      return 'TIMESTAMPTZ'
    case 'string':
      return 'VARCHAR'
    case 'uuid':
      return 'UUID'
    case 'fixed':
    case 'binary':
      return 'BLOB'
    case 'struct':
      return `STRUCT(${type.fields.map(field => `${quoteName(field.name)} ${duckdbType(field.type)}`).join(', ')})`
    case 'list':
      return `${duckdbType(type.element)}[]`
    case 'map':
      return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`
    default:
      return unreachable(type)
  }
}
