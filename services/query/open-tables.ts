/** Makes the tables that a statement names known to DuckDB, under the names that it uses: views over data files, or empty stand-ins. */
import type { NestedField, Schema } from '../../shared/iceberg/schema.ts'
import type { TableDetail } from '../../shared/metadata/metadata-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Session } from './duckdb.ts'
import { duckdbType, quoteName, quoteText } from './sql-text.ts'
import type { TableReference } from './syntax-tree.ts'

/** Gives each reference of a statement its place in DuckDB, made once. */
export class Places {
  readonly #session: Session
  readonly #catalogs: ReadonlySet<string>
  readonly #made = new Set<string>()

  constructor(session: Session, references: readonly TableReference[]) {
    this.#session = session
    this.#catalogs = new Set(
      references.flatMap(({ catalog }) => (catalog === '' ? [] : [catalog.toLowerCase()])),
    )
  }

  /** The quoted name to create; `undefined` when the statement named the same place before. */
  async make({ catalog, schema, table }: TableReference): Promise<string | undefined> {
    // A first part that is a catalog in one place cannot be a schema in another: DuckDB would call it ambiguous.
    const isCatalog = catalog === '' && this.#catalogs.has(schema.toLowerCase())
    const parts = isCatalog ? [schema, 'main', table] : [catalog, schema, table].filter(part => part !== '')
    const name = parts.map(quoteName).join('.')
    if (!this.#isNew(name)) return undefined
    const { connection } = this.#session
    const [first = ''] = parts
    if (parts.length === 3 && this.#isNew(quoteName(first)))
      await connection.run(`ATTACH ':memory:' AS ${quoteName(first)}`)
    await connection.run(`CREATE SCHEMA IF NOT EXISTS ${parts.slice(0, -1).map(quoteName).join('.')}`)
    return name
  }

  #isNew(name: string): boolean {
    const key = name.toLowerCase()
    if (this.#made.has(key)) return false
    this.#made.add(key)
    return true
  }
}

/** A table of the same columns without rows: for tables that are empty, and where only names and types are asked for. */
export function standInSql(name: string, schema: Schema): string {
  const columns = schema.fields.map(
    field => `${quoteName(field.name)} ${duckdbType(field.type)}${field.required ? ' NOT NULL' : ''}`,
  )
  return `CREATE TABLE ${name} (${columns.join(', ')})`
}

/** Columns are found by field id, whatever they are called in a file; one that a file does not have is null. */
export function viewSql(name: string, schema: Schema, paths: readonly string[]): string {
  const columns = schema.fields.map(
    field =>
      `${field.id}: {name: ${quoteText(field.name)}, type: ${quoteText(duckdbType(field.type))}, default_value: NULL}`,
  )
  return `CREATE VIEW ${name} AS SELECT * FROM read_parquet([${paths.map(quoteText).join(', ')}], schema = MAP {${columns.join(', ')}}, hive_partitioning = false)`
}

/**
 * DuckDB finds the members of structs by name within a column that it found by id. That is the same thing as long as no member was
 * renamed; of a table where one was, some files would give nulls, so it is refused. Throws `query-renamed-member`.
 */
export function requireStableMembers(table: TableDetail, schema: Schema): void {
  const names = new Map(membersOf(schema.fields, '').map(({ id, path }) => [id, path]))
  for (const earlier of table.schemas) {
    for (const { id, path } of membersOf(earlier.fields, '')) {
      const now = names.get(id)
      if (now === undefined || now === path) continue
      throw new AppError({
        code: 'query-renamed-member',
        next: 'fatal',
        message: `${table.name}: field ${id} within column was renamed from ${path} to ${now}, and DuckDB cannot read both. Query the table through the catalog with another engine.`,
      })
    }
  }
}

/** Fields below the top, with their path from the column, whose own name does not matter. */
function membersOf(
  fields: readonly NestedField[],
  prefix: string,
): readonly { readonly id: number; readonly path: string }[] {
  return fields.flatMap(field => {
    const below = structFields(field)
    const path = prefix === '' ? `${field.id}` : `${prefix}.${field.name}`
    return [...(prefix === '' ? [] : [{ id: field.id, path }]), ...membersOf(below, path)]
  })
}

function structFields({ type }: Pick<NestedField, 'type'>): readonly NestedField[] {
  switch (type.kind) {
    case 'struct':
      return type.fields
    case 'list':
      return structFields({ type: type.element })
    case 'map':
      return [...structFields({ type: type.key }), ...structFields({ type: type.value })]
    default:
      return []
  }
}
