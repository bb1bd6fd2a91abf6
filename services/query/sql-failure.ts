/** Makes of what DuckDB throws an error with a code, and adds what DuckDB cannot know: Tidewater's tables and options. */
import type { TableDetail } from '../../shared/metadata/metadata-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { suggestTable } from './resolve-tables.ts'

export function explainFailure(error: unknown, signal: AbortSignal, tables: readonly TableDetail[]): unknown {
  if (signal.aborted)
    return new AppError({
      code: 'query-interrupted',
      next: 'fatal',
      message: 'The query was interrupted; what it had fetched is removed.',
      cause: error,
    })
  if (error instanceof AppError || !(error instanceof Error)) return error
  const kind = /^([A-Z][A-Za-z ]+?)(?: exception)?(?: with name)? ?Error: /.exec(error.message)?.[1]
  if (kind === undefined) return error
  const failure = (code: string, message: string) =>
    new AppError({ code, next: 'fatal', message, cause: error })
  switch (kind) {
    case 'Permission':
      return failure(
        'sql-refused',
        `Statements read Tidewater's tables only; files of this machine and the network are closed to them. DuckDB says: ${error.message}`,
      )
    case 'Catalog': {
      const name = /^Catalog Error: Table with name "?([^"\s]+)"? does not exist/.exec(error.message)?.[1]
      if (name === undefined) return failure('sql-invalid', error.message)
      if (tables.some(table => table.name === name))
        return failure(
          'sql-invalid',
          `The table ${name} is named within a text, as in query('…'), where it is not seen before the statement runs. Name it in FROM.`,
        )
      return failure(
        'unknown-table',
        `There is no table ${name}. ${suggestTable(
          name,
          tables.map(table => table.name),
        )} Tables are written with their namespace.`,
      )
    }
    case 'Binder':
    case 'Parser':
      return failure('sql-invalid', error.message)
    case 'Out of Memory':
      return failure('query-failed', `${error.message}\nMore memory is given with --memory.`)
    default:
      return failure('query-failed', error.message)
  }
}
