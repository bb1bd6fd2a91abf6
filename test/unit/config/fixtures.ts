/** Short ways to a configuration in tests. */
import type { Config, TableConfig } from '../../../shared/config/config.ts'
import type { ConfigError } from '../../../shared/config/config-error.ts'
import { formatConfigErrors } from '../../../shared/config/config-error.ts'
import { loadConfig } from '../../../shared/config/load-config.ts'

export function load(text: string, env: Record<string, string> = {}) {
  return loadConfig(text, { path: '/conf/tidewater.yaml', env })
}

export function configOf(text: string, env: Record<string, string> = {}): Config {
  const outcome = load(text, env)
  if (outcome.kind === 'ok') return outcome.config
  throw new Error(formatConfigErrors('tidewater.yaml', outcome.errors))
}

export function errorsOf(text: string, env: Record<string, string> = {}): readonly ConfigError[] {
  const outcome = load(text, env)
  return outcome.kind === 'errors' ? outcome.errors : []
}

/** A whole file with one table `a.t`; `tableKeys` are lines of YAML that complete or replace its keys. */
export function fileWithTable(tableKeys: string): string {
  const defaults = [
    'name: a.t',
    'source: s',
    'source_topic: t',
    'schema: { fields: [ { name: id, type: long } ] }',
  ]
  const given = new Set(tableKeys.split('\n').map(line => /^(\w+):/.exec(line)?.[1]))
  if (given.has('source_topics')) given.add('source_topic')
  const lines = [...defaults.filter(line => !given.has(/^\w+/.exec(line)?.[0])), ...tableKeys.split('\n')]
  return `warehouse: file:./lake
sources: [ { name: s, url: "file:./segments" } ]
tables:
  -
${lines.map(line => `    ${line}`).join('\n')}
`
}

export function tableOf(tableKeys: string): TableConfig {
  const table = configOf(fileWithTable(tableKeys)).tables[0]
  if (table === undefined) throw new Error('no table')
  return table
}

/** Errors as `path: message`, for a table with these keys. */
export function tableErrors(tableKeys: string): readonly string[] {
  return errorsOf(fileWithTable(tableKeys)).map(
    error => `${error.path.replace('tables[0].', '')}: ${error.message}`,
  )
}
