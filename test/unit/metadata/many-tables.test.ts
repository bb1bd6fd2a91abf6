/** The number of statements, which is what a database over the network costs by. */
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { afterEach, expect, it, vi } from 'vitest'
import { EVERY_TABLE } from '../../../shared/metadata/overviews.ts'
import { openSqliteMetadataStore } from '../../../shared/metadata/sqlite/store.ts'
import { newTable } from '../../contract/metadata-store-fixture.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

it('standings of fifty tables take as many statements as those of one', async () => {
  const store = openSqliteMetadataStore({ path: ':memory:' })
  await store.migrate()
  const create = async (n: number) => {
    await store.createTable(newTable(`t${n}`, `shop.t${n}`), newTable(`d${n}`, `shop.t${n}__dlq`))
  }
  const statements = async (ask: () => Promise<unknown>) => {
    const run = vi.spyOn(StatementSync.prototype, 'all')
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
    await ask()
    const count = run.mock.calls.length + exec.mock.calls.length
    vi.restoreAllMocks()
    return count
  }
  await create(0)
  const one = await statements(() => store.listTableStandings(EVERY_TABLE))
  for (let n = 1; n < 50; n++) await create(n)
  expect(await store.listTableStandings(EVERY_TABLE)).toHaveLength(50)
  expect(await statements(() => store.listTableStandings(EVERY_TABLE))).toBe(one)
  expect(one).toBeGreaterThan(5)
  expect(one).toBeLessThan(20)
  await store.close()
})
