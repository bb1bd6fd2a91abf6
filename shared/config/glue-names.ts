/** What AWS Glue, Athena and Iceberg's own library take as names. They fold capitals, so two names that differ only in them are one table there. */

const DATABASE = /^[a-z0-9_]{1,252}$/
const TABLE = /^[a-z0-9_]{1,255}$/

/** Why Glue cannot keep a table of this name, and what to call it; `undefined` where it can. */
export function glueNameProblem(tableName: string): { message: string; suggestion: string } | undefined {
  const [database = '', table, ...deeper] = tableName.split('.')
  if (table === undefined || deeper.length > 0) {
    return {
      message: `\`${tableName}\` lies in nested namespaces, and Glue has databases of one level`,
      suggestion: 'Name it database.table for this catalog.',
    }
  }
  if (DATABASE.test(database) && TABLE.test(table)) return undefined
  const folded = tableName.toLowerCase().replaceAll('-', '_')
  return {
    message: `Glue takes names of lower-case letters, digits and \`_\` only, so \`${tableName}\` would meet any table whose name differs in nothing but that`,
    suggestion: `Name it \`${folded}\`.`,
  }
}
