/** Names of tables held against what the catalogs of Glue that they name can keep. */
import type { PartialTable } from './check-tables.ts'
import type { ConfigIssue } from './config-error.ts'
import { valueAt } from './describe-issues.ts'
import { glueNameProblem } from './glue-names.ts'

/** `catalogs`: as they stand in the file. */
export function checkGlueNames(
  catalogs: unknown,
  tables: readonly PartialTable[],
  issues: ConfigIssue[],
): void {
  const glue = (Array.isArray(catalogs) ? catalogs : []).flatMap(catalog => {
    const name = valueAt(catalog, ['name'])
    return valueAt(catalog, ['type']) === 'glue' && typeof name === 'string' ? [name] : []
  })
  for (const [i, { name, source_topics: isPattern, catalogs: named = glue }] of tables.entries()) {
    const inGlue = named.find(catalog => glue.includes(catalog))
    // What a template makes of a topic is looked at when there is one.
    if (name === undefined || isPattern !== undefined || inGlue === undefined) continue
    const problem = glueNameProblem(name)
    if (problem === undefined) continue
    const suggestion = `${problem.suggestion} Or leave catalog ${inGlue} out of catalogs.`
    issues.push({ path: ['tables', i, 'name'], message: problem.message, suggestion })
  }
}
