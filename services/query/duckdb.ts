/**
 * DuckDB, which runs the SQL: an optional dependency, loaded when it is asked for, and kept on a short lead.
 *
 * A session is one database in memory for one statement. It loads no extension, reaches no network, and once `confine` has run it opens
 * no file but those that were named; its settings are then locked, so no statement can loosen them.
 */
import { rmSync } from 'node:fs'
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../shared/runtime/errors.ts'
import { quoteText } from './sql-text.ts'

export type DuckDB = typeof import('@duckdb/node-api')

/** What DuckDB may take for itself, and what it may write to disk when a sort or join needs more. */
export interface DuckDBLimits {
  readonly memoryBytes: number
  readonly threads: number
  readonly spillBytes: number
}

export const DEFAULT_MEMORY_BYTES = 2 ** 30
export const MAX_THREADS = 256
export const DEFAULT_SPILL_BYTES = 8 * 2 ** 30

export interface Session {
  readonly duckdb: DuckDB
  readonly connection: DuckDBConnection
  close(): void
}

/** Throws `duckdb-missing` with the command that installs it. */
export async function loadDuckDB(
  load: () => Promise<DuckDB> = () => import('@duckdb/node-api'),
): Promise<DuckDB> {
  try {
    return await load()
  } catch (cause) {
    throw new AppError({
      code: 'duckdb-missing',
      next: 'fatal',
      message: `tidewater query needs DuckDB, an optional dependency that is not here or does not load on this machine (${firstLine(cause)}). Install it beside Tidewater: npm install @duckdb/node-api (with --global where Tidewater was installed so).`,
      cause,
    })
  }
}

/** `spillFolder` must be one that the caller removes. */
export async function openSession(
  duckdb: DuckDB,
  options: DuckDBLimits & { readonly spillFolder: string },
): Promise<Session> {
  const instance = await duckdb.DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    memory_limit: `${Math.ceil(options.memoryBytes / 2 ** 20)}MiB`,
    temp_directory: options.spillFolder,
    max_temp_directory_size: `${Math.ceil(options.spillBytes / 2 ** 20)}MiB`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
  const connection = await instance.connect()
  // Days and hours are cut where Iceberg cuts them, whatever zone the machine is in.
  await connection.run("SET TimeZone = 'UTC'")
  return {
    duckdb,
    connection,
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

/** From here on only `paths` can be opened, and no setting changes any more. */
export async function confine({ connection }: Session, paths: readonly string[]): Promise<void> {
  await connection.run(`SET allowed_paths = [${paths.map(quoteText).join(', ')}]`)
  await connection.run('SET enable_external_access = false')
  await connection.run('SET lock_configuration = true')
}

/** A folder that is gone, with all in it, however what uses it ends: also when the process does, as on a broken pipe. */
export async function withFolder<T>(folder: string, body: () => Promise<T>): Promise<T> {
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    return await body()
  } finally {
    process.off('exit', remove)
    remove()
  }
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? ''
}
