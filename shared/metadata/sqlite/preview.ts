/**
 * Opens a metadata database for looking at it as this version would see it, without changing it: one that lacks migrations is copied
 * to a temporary file, and the copy migrated. A crash leaves the copy behind, in the system's temporary folder.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import type { MetadataStore } from '../metadata-store.ts'
import { type MetadataPreview, olderSchema } from '../preview.ts'
import { readMigrations } from '../read-migrations.ts'
import { openSqliteMetadataStore } from './store.ts'

export async function openSqlitePreview(path: string): Promise<MetadataPreview> {
  const names = namesOfMigrations()
  if (!existsSync(path)) return { migrations: names, close: async () => undefined }
  // Not opened read-only: such a connection cannot take SQLite's own -wal and -shm files away again.
  const db = new DatabaseSync(path)
  db.exec('PRAGMA query_only = ON')
  let folder: string | undefined
  try {
    const migrations = names.slice(countApplied(db))
    if (migrations.length > 0) {
      folder = await mkdtemp(join(tmpdir(), 'tidewater-preview-'))
      await backup(db, join(folder, 'copy.db'))
    }
    const metadata = openSqliteMetadataStore({ path: folder === undefined ? path : join(folder, 'copy.db') })
    await metadata.migrate()
    return { metadata, migrations, close: () => closeAll(metadata, folder) }
  } catch (error) {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    throw error
  } finally {
    db.close()
  }
}

/** Throws `metadata-older` where the database of `path` lacks migrations of this version. */
export function requireSqliteSchema(path: string): void {
  const applied = appliedIn(path)
  const missing = namesOfMigrations().slice(applied)
  if (applied > 0 && missing.length > 0) throw olderSchema(path, missing)
}

/** 0 where nothing can be read: `migrate` says what is wrong with such a file. */
function appliedIn(path: string): number {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path)
    db.exec('PRAGMA query_only = ON')
    return countApplied(db)
  } catch {
    return 0
  } finally {
    db?.close()
  }
}

function namesOfMigrations(): readonly string[] {
  return readMigrations('sqlite').map(({ number, name }) => `${String(number).padStart(4, '0')}-${name}`)
}

async function closeAll(metadata: MetadataStore, folder: string | undefined): Promise<void> {
  await metadata.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}

/** None in a database that is empty or not ours; `migrate` of the copy says which. */
function countApplied(db: DatabaseSync): number {
  const tables = db.prepare("select 1 from sqlite_schema where name = 'schema_migration'").all()
  if (tables.length === 0) return 0
  return Number(db.prepare('select count(*) as n from schema_migration').get()?.n ?? 0)
}
