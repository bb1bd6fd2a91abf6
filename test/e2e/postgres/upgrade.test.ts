/**
 * Releases of Tidewater that follow each other on one database, as real processes: copies of the program with one migration more. What
 * old processes do when a newer one has migrated is what docs/postgres.md says, and no record is lost or doubled by it.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readMigrations } from '../../../shared/metadata/read-migrations.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'
import type { Workspace } from '../tidewater-cli.ts'
import {
  accountedFor,
  auditOf,
  createGrowingOrders,
  type GrowingOrders,
  killAll,
  type RunningProcess,
  startRunning,
} from './growing-orders.ts'

const PATIENCE = { timeout: 200_000, interval: 300 }
const ROOT = resolve(import.meta.dirname, '../../..')
const PROGRAM = ['catalog-adapters', 'package.json', 'services', 'shared']

let server: PostgresServer
let growing: GrowingOrders
const releases = mkdtempSync(join(tmpdir(), 'tidewater-releases-'))
beforeAll(async () => {
  server = await startPostgres()
  growing = await createGrowingOrders(server.url)
})
const started: RunningProcess[] = []
afterAll(async () => {
  await killAll(started)
  rmSync(releases, { recursive: true, force: true })
  await growing?.workspace.remove()
  await server?.remove()
})

/** The program as it stands with these migrations after its own. */
function releaseWith(name: string, migrations: readonly string[]): Workspace {
  const folder = join(releases, name)
  for (const part of PROGRAM) cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const known = readMigrations('postgres').length
  for (const [at, sql] of migrations.entries()) {
    const file = `${String(known + at + 1).padStart(4, '0')}-later.postgres.sql`
    writeFileSync(join(folder, 'shared/metadata/migrations', file), sql)
  }
  return growing.workspace.withProgram(join(folder, 'services/cli/launcher.js'))
}

function start(program: Workspace, stages?: string): RunningProcess {
  const running = startRunning(program, stages === undefined ? [] : ['--stages', stages])
  started.push(running)
  return running
}

const COMMITTED = /: committed \d+ rows/g
const PUBLISHED = /: published snapshot/g

/** It says this so many times more from now on. */
function says(what: RegExp, { said }: RunningProcess, more = 2): Promise<void> {
  const count = () => said().match(what)?.length ?? 0
  return expect.poll(count, PATIENCE).toBeGreaterThanOrEqual(count() + more)
}

it('an additive release works beside the one before, any other ends the processes of both; each record is there once', async () => {
  const additive = '-- Additive\nalter table event add column mood text'
  const other = 'alter table event add column weight bigint'
  const second = releaseWith('second', [additive])
  const third = releaseWith('third', [additive, other])
  const migrationsDone = async () =>
    Number((await server.query('select count(*) as n from schema_migration'))[0]?.n)
  const known = readMigrations('postgres').length

  // One process after the other is replaced: first who converts, while the older ones commit all the time.
  const planner = start(growing.workspace, 'discover,plan,publish,maintain')
  const converter = start(growing.workspace, 'convert')
  await growing.landDuring(Promise.all([says(PUBLISHED, planner), says(COMMITTED, converter)]))
  const newer = start(second, 'convert')
  await growing.landDuring(expect.poll(migrationsDone, PATIENCE).toBe(known + 1))
  await growing.landDuring(says(PUBLISHED, planner))
  converter.child.kill('SIGTERM')
  expect(await growing.landDuring(converter.closed), converter.said()).toBe(0)
  await growing.landDuring(Promise.all([says(PUBLISHED, planner), says(COMMITTED, newer)]))

  const last = start(third)
  const codes = await growing.landDuring(Promise.all([planner.closed, newer.closed]))
  expect(await migrationsDone()).toBe(known + 2)
  expect(codes).toEqual([1, 1])
  for (const { said } of [planner, newer]) {
    expect(said()).toMatch(
      /has migration \d+, which programs that know \d+ may not run beside\. A newer version/,
    )
    expect(said()).not.toMatch(/metadata-statement-failed|broken-invariant/)
  }
  const refused = await growing.workspace.tidewater(['status'])
  expect(refused).toMatchObject({ exitCode: 1 })
  expect(refused.stderr).toContain('A newer version of Tidewater has upgraded it; run that one.')

  // Claims of those that ended run out, and what they had begun is done by the newest.
  const rows = async () => JSON.parse((await third.tidewater(['status', '--json'])).stdout).tables[0].rows
  await expect.poll(rows, PATIENCE).toBe(growing.landed.rows)
  const { deadLetters } = growing.landed
  await expect.poll(last.said, PATIENCE).toMatch(new RegExp(`wrote dead letters \\d+ to ${deadLetters - 1} `))
  last.child.kill('SIGTERM')
  expect(await last.closed, last.said()).toBe(0)
  expect(await auditOf(third)).toMatchObject(accountedFor(growing.landed))
})
