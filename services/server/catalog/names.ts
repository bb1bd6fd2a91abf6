/**
 * Namespaces and names as the REST catalog writes them, and as the database does: levels joined by dots.
 * In paths and parameters the levels of a namespace are joined by the unit separator, 0x1F, percent-encoded as %1F.
 */
import { refusal, shown } from './catalog-error.ts'

const LEVEL_SEPARATOR = '\x1f'
/** As tidewater.yaml has it for each part of a table's name. Whatever else is asked for cannot exist. */
const NAME_PART = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$/

/** `analytics%1Feu`, decoded, is `analytics.eu`; `undefined` for what no table's name can begin with. */
export function namespaceName(text: string): string | undefined {
  const levels = text.split(LEVEL_SEPARATOR)
  return levels.every(level => NAME_PART.test(level)) ? levels.join('.') : undefined
}

/** `undefined` for what can be no table. */
export function tableName(namespace: string, table: string): string | undefined {
  const name = namespaceName(namespace)
  return name !== undefined && NAME_PART.test(table) ? `${name}.${table}` : undefined
}

export function levelsOf(name: string): readonly string[] {
  return name.split('.')
}

export function noSuchNamespace(text: string, warehouse: string): Error {
  const name = shown(text.replaceAll(LEVEL_SEPARATOR, '.'))
  return refusal('no-such-namespace', `Warehouse ${warehouse} has no tables in a namespace ${name}.`)
}

export function noSuchTable(namespace: string, table: string, warehouse: string): Error {
  const name = shown(`${namespace.replaceAll(LEVEL_SEPARATOR, '.')}.${table}`)
  return refusal(
    'no-such-table',
    `Warehouse ${warehouse} has no table ${name}. A table is there once Tidewater has published it.`,
  )
}
