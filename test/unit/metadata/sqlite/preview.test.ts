import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readMigrations } from '../../../../shared/metadata/read-migrations.ts'
import { openConnection } from '../../../../shared/metadata/sqlite/connection.ts'
import { migrate } from '../../../../shared/metadata/sqlite/migrate.ts'
import { openSqlitePreview, requireSqliteSchema } from '../../../../shared/metadata/sqlite/preview.ts'
import { systemRuntime } from '../../../../shared/runtime/system-runtime.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewater-preview-test-'))
  path = join(folder, 'tidewater.db')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function migrated(upTo?: number): Promise<void> {
  const connection = openConnection({ path, runtime: systemRuntime })
  await migrate(connection, readMigrations('sqlite').slice(0, upTo))
  connection.close()
}

test('a file that is not there stays away', async () => {
  const preview = await openSqlitePreview(path)
  expect(preview.metadata).toBeUndefined()
  expect(preview.migrations).toHaveLength(readMigrations('sqlite').length)
  await preview.close()
  expect(existsSync(path)).toBe(false)
})

test('a database of this version is opened as it is', async () => {
  await migrated()
  const before = await readFile(path)
  const preview = await openSqlitePreview(path)
  expect(preview.migrations).toEqual([])
  expect(await preview.metadata?.listTables()).toEqual([])
  await preview.close()
  expect(await readFile(path)).toEqual(before)
})

test('an older database is seen through a migrated copy, and stays as old as it is', async () => {
  await migrated(1)
  const before = await readFile(path)
  const preview = await openSqlitePreview(path)
  expect(preview.migrations[0]).toMatch(/^0002-/)
  expect(await preview.metadata?.listTables()).toEqual([])
  await preview.close()
  expect(await readFile(path)).toEqual(before)
  expect(await readdir(folder)).toEqual(['tidewater.db'])
})

test('a database of another program is refused, and not changed', async () => {
  const db = new DatabaseSync(path)
  db.exec('create table theirs (id integer)')
  db.close()
  await expect(openSqlitePreview(path)).rejects.toMatchObject({ code: 'metadata-not-ours' })
  expect(await readdir(folder)).toEqual(['tidewater.db'])
})

test('looking asks for every migration, and leaves what is no database of ours to whoever opens it', async () => {
  await migrated(2)
  expect(() => requireSqliteSchema(path)).toThrow(/lacks 0003-/)
  await migrated()
  expect(() => requireSqliteSchema(path)).not.toThrow()
  await writeFile(path, 'no database at all, and longer than the header of one: '.repeat(20))
  expect(() => requireSqliteSchema(path)).not.toThrow()
})
