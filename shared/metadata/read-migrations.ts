/**
 * The numbered SQL files in `migrations/`, one history for both dialects: `NNNN-name.sqlite.sql` and `NNNN-name.postgres.sql` make the
 * same tables and columns.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
}

const FOLDER = new URL('./migrations/', import.meta.url)
const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.(sqlite|postgres)\.sql$/

export function readMigrations(dialect: 'sqlite' | 'postgres', folder: URL = FOLDER): readonly Migration[] {
  return readdirSync(folder)
    .flatMap(file => {
      const match = FILE_NAME.exec(file)
      if (match?.[1] === undefined || match[2] === undefined || match[3] !== dialect) return []
      // Line ends as a checkout may have changed them do not count.
      const sql = readFileSync(new URL(file, folder), 'utf8').replaceAll('\r\n', '\n')
      return [{ number: Number(match[1]), name: match[2], sql }]
    })
    .sort((a, b) => a.number - b.number)
}

export function checksumOf({ sql }: Migration): string {
  return createHash('sha256').update(sql).digest('hex')
}
