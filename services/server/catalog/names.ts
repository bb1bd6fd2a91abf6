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

/** In the words of the specification's own server: clients and their tests know the sentence. */
export function noSuchNamespace(text: string): Error {
  return refusal('no-such-namespace', `Namespace does not exist: ${plain(text)}`)
}

export function noSuchTable(namespace: string, table: string, warehouse: string): Error {
  const name = plain(`${namespace}${LEVEL_SEPARATOR}${table}`)
  return refusal(
    'no-such-table',
    `Table does not exist: ${name}. Warehouse ${warehouse} has a table once Tidewater has published it.`,
  )
}

/** What can be a name as it is, with dots; all else quoted and cut. */
function plain(text: string): string {
  return namespaceName(text) ?? shown(text.replaceAll(LEVEL_SEPARATOR, '.'))
}
