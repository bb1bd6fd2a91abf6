import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { QueryOutcome } from '../../../services/query/run-statement.ts'
import type { NestedField } from '../../../shared/iceberg/schema.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { createQueryFixture, LIMITS, type QueryFixture } from '../../fakes/query-fixture.ts'
import { type Row, schemaOf } from '../parquet/batches.ts'

const field = (id: number, name: string, type: NestedField['type']): NestedField => ({
  id,
  name,
  required: false,
  type,
})
const ORDERS = schemaOf(
  field(1, 'id', { kind: 'long' }),
  field(2, 'amount', { kind: 'decimal', precision: 12, scale: 2 }),
  field(3, 'country', { kind: 'string' }),
)
const order = (id: bigint, country: string | null = 'FI'): Row => ({ id, amount: id * 25n, country })

/** Three files with ids 0-9, 10-19, 20-29. */
const FILES = [0n, 10n, 20n].map(from => Array.from({ length: 10 }, (_, i) => order(from + BigInt(i))))

let fixture: QueryFixture
beforeAll(async () => {
  fixture = await createQueryFixture()
  await fixture.add({ name: 'shop.orders', schema: ORDERS, files: FILES })
  await fixture.add({ name: 'analytics.eu.orders', schema: ORDERS, files: [[order(7n)]] })
  await fixture.add({ name: 'analytics.totals', schema: ORDERS, files: [[order(8n)]] })
  await fixture.add({ name: 'shop.empty', schema: ORDERS, files: [] })
})
afterAll(() => fixture.remove())

const explain = (sql: string, of = fixture) =>
  of.outcome(sql, async outcome => expectKind(outcome, 'explained'), { explain: true })

function expectKind<K extends QueryOutcome['kind']>(
  outcome: QueryOutcome,
  kind: K,
): QueryOutcome & { kind: K } {
  expect(outcome.kind).toBe(kind)
  return outcome as QueryOutcome & { kind: K }
}

describe('names', () => {
  it('are those of the tables, in any case, with nested namespaces quoted or in parts', async () => {
    expect(await fixture.rows('SELECT count(*) FROM shop.orders')).toEqual([[30n]])
    expect(await fixture.rows('SELECT count(*) FROM SHOP.Orders')).toEqual([[30n]])
    expect(await fixture.rows('SELECT id FROM analytics.eu.orders')).toEqual([[7n]])
    expect(await fixture.rows('SELECT id FROM "analytics.eu".orders')).toEqual([[7n]])
  })

  it('may be of both kinds in one statement', async () => {
    const sql =
      'SELECT e.id, t.id, q.id FROM analytics.eu.orders e, analytics.totals t, "analytics.eu".orders q, shop.orders o WHERE o.id = 3'
    expect(await fixture.rows(sql)).toEqual([[7n, 8n, 7n]])
  })

  it('are found in subqueries, common table expressions, set operations and lateral joins', async () => {
    const sql = `
      WITH orders AS (SELECT id FROM analytics.eu.orders)
      SELECT id FROM orders
      UNION ALL SELECT (SELECT max(id) FROM shop.orders)
      UNION ALL SELECT s.id FROM analytics.totals t, LATERAL (SELECT t.id + 1 AS id) s
      ORDER BY id`
    expect(await fixture.rows(sql)).toEqual([[7n], [9n], [29n]])
  })

  it('of no table are answered with the nearest one', async () => {
    const message = async (sql: string) => await fixture.rows(sql).catch((error: Error) => error.message)
    expect(await message('FROM shop.ordrs')).toContain('Did you mean shop.orders?')
    expect(await message('FROM totals')).toContain('Did you mean analytics.totals?')
    expect(await message('FROM other.things')).toContain('There are: shop.orders, analytics.eu.orders')
    expect(await message("FROM query('FROM shop.orders')")).toContain('Name it in FROM.')
    expect(await message('SELECT amont FROM shop.orders')).toMatch(/Candidate bindings: "amount"/)
  })
})

describe('a table', () => {
  it('without snapshots is empty and has its columns', async () => {
    expect(await fixture.rows('SELECT id, amount FROM shop.empty')).toEqual([])
    expect(await fixture.rows('DESCRIBE shop.empty')).toHaveLength(3)
  })

  it('is seen as of a snapshot or a time, when it is the only one', async () => {
    const count = async (travel: Parameters<QueryFixture['rows']>[1]) =>
      (await fixture.rows('SELECT count(*) FROM shop.orders', travel))[0]?.[0]
    expect(await count({ travel: { kind: 'snapshot', snapshotId: 1001n } })).toBe(20n)
    expect(await count({ travel: { kind: 'at', timestampMs: 1999 } })).toBe(20n)
    await expect(count({ travel: { kind: 'snapshot', snapshotId: 5n } })).rejects.toMatchObject({
      code: 'unknown-snapshot',
      message: expect.stringMatching(/has no snapshot 5\. Of its \d+ snapshots the first is \d+ of /),
    })
    await expect(
      fixture.rows('FROM shop.orders, analytics.totals', { travel: { kind: 'at', timestampMs: 1 } }),
    ).rejects.toThrow(/the statement names 2/)
  })

  it('below a folder with wildcards in its name is read', async () => {
    const odd = await createQueryFixture(store => store, 'ware[house] *')
    await odd.add({ name: 'shop.orders', schema: ORDERS, files: FILES })
    expect(await odd.rows('SELECT count(*) FROM shop.orders')).toEqual([[30n]])
    await odd.remove()
  })
})

describe('what is closed to statements', () => {
  it.each([
    "COPY shop.orders TO 'x.csv'",
    "ATTACH 'x.db'",
    'CREATE TABLE t (i INTEGER)',
    'INSTALL httpfs',
    'SET enable_external_access = true',
    'PRAGMA database_list',
    'DELETE FROM shop.orders',
  ])('%s is refused by name', async sql => {
    const verb = sql.split(' ')[0] ?? ''
    await expect(fixture.rows(sql)).rejects.toMatchObject({
      code: 'sql-refused',
      message: expect.stringMatching(`^${verb} statements are refused`),
    })
  })

  it.each([
    "FROM read_csv('/etc/passwd')",
    "FROM '/etc/passwd'",
    "FROM read_text('/etc/hostname')",
    "FROM glob('/etc/*')",
    "FROM read_blob('https://127.0.0.1:1/x')",
    "FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM shop.orders WHERE id IN (SELECT 1 FROM read_json('/etc/passwd'))",
  ])('%s opens nothing', async sql => {
    await expect(fixture.rows(sql)).rejects.toMatchObject({
      code: expect.stringMatching(/^(sql-refused|unknown-table)$/),
    })
  })

  it('files beside the data files cannot be read, even in the warehouse', async () => {
    await copyFile(
      join(fixture.folder, 'shop/orders/data/0.parquet'),
      join(fixture.folder, 'shop/orders/data/other.parquet'),
    )
    await expect(
      fixture.rows(`SELECT * FROM shop.orders, '${join(fixture.folder, 'shop/orders/data/other.parquet')}'`),
    ).rejects.toMatchObject({ code: 'sql-refused' })
  })
})

describe('explaining', () => {
  it('says what is read and what is pruned', async () => {
    const { readings, plan } = await explain('SELECT * FROM shop.orders WHERE id BETWEEN 12 AND 14')
    expect(readings).toMatchObject([
      { prunedByPartition: 0, prunedByBounds: 2, files: [{ recordCount: 10n }] },
    ])
    expect(plan).toMatch(/id/)
  })

  it('is what EXPLAIN does, and EXPLAIN ANALYZE runs the statement', async () => {
    await fixture.outcome('EXPLAIN SELECT * FROM shop.orders', async outcome =>
      expectKind(outcome, 'explained'),
    )
    await fixture.outcome('EXPLAIN ANALYZE SELECT * FROM shop.orders', async outcome => {
      expect(expectKind(outcome, 'explained').plan).toMatch(/Total Time/)
    })
  })
})

describe('with the warehouse in object storage', () => {
  let remote: QueryFixture
  const fetched: string[] = []
  beforeAll(async () => {
    remote = await createQueryFixture(store => remoteStore(store, fetched))
    await remote.add({ name: 'shop.orders', schema: ORDERS, files: FILES })
  })
  afterAll(() => remote.remove())

  const leftovers = async ({ context }: QueryFixture) =>
    (await readdir(context.temporaryRoot)).filter(name => name.startsWith('tidewater-query-'))

  it('files are fetched, only those that are needed, and removed again', async () => {
    expect(await remote.rows('SELECT sum(id) FROM shop.orders WHERE id >= 20')).toEqual([[245n]])
    expect(fetched).toEqual(['shop/orders/data/2.parquet'])
    expect(await leftovers(remote)).toEqual([])
  })

  it('explaining and describing fetch nothing', async () => {
    fetched.length = 0
    const { fetches, plan } = await explain('SELECT country FROM shop.orders WHERE amount > 3', remote)
    expect(fetches).toBe(true)
    expect(plan).toMatch(/orders[\s\S]*amount/)
    expect(await remote.rows('DESCRIBE shop.orders')).toHaveLength(3)
    expect(fetched).toEqual([])
  })

  it('a statement that needs more bytes than the limit fetches nothing and says what to do', async () => {
    fetched.length = 0
    await expect(
      remote.rows('FROM shop.orders', { limits: { ...LIMITS, fetchBytes: 1000 } }),
    ).rejects.toMatchObject({
      code: 'query-fetch-limit',
      message: expect.stringMatching(/shop\.orders.*--max-fetch/s),
    })
    expect(fetched).toEqual([])
  })

  it('a failure while fetching leaves nothing behind', async () => {
    const failing = await createQueryFixture(store => ({
      ...remoteStore(store, []),
      get: async () => {
        throw new Error('the server went away')
      },
    }))
    await failing.add({ name: 'shop.orders', schema: ORDERS, files: FILES })
    await expect(failing.rows('FROM shop.orders')).rejects.toThrow('the server went away')
    expect(await leftovers(failing)).toEqual([])
    await failing.remove()
  })
})

describe('interrupting', () => {
  // At once, as it is set up, as it runs.
  it.each([0, 20, 60, 400])('after %i ms stops a statement', async ms => {
    const stop = new AbortController()
    const running = fixture.rows(
      'SELECT count(*) FROM shop.orders a, shop.orders b, shop.orders c, range(10000000) WHERE a.id + b.id + c.id + range > 1',
      { signal: stop.signal },
    )
    setTimeout(() => stop.abort(), ms)
    await expect(running).rejects.toMatchObject({ code: 'query-interrupted' })
  })
})

describe('writing Parquet', () => {
  it('keeps to the limit, says that it cut, and replaces the file only when it is whole', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tidewater-query-parquet-'))
    const path = join(folder, 'out.parquet')
    const written = await fixture.outcome('FROM shop.orders', async outcome => outcome, {
      parquet: { path, rowLimit: 3 },
    })
    expect(written).toEqual({ kind: 'written', rowCount: 3, cut: true })
    const before = await readFile(path)
    const failing = fixture.outcome(
      'SELECT CAST(country AS INTEGER) FROM shop.orders',
      async outcome => outcome,
      {
        parquet: { path, rowLimit: undefined },
      },
    )
    await expect(failing).rejects.toMatchObject({ code: 'query-failed' })
    expect(await readFile(path)).toEqual(before)
    expect(await readdir(folder)).toEqual(['out.parquet'])
    await rm(folder, { recursive: true })
  })
})

/** As if the folder were far away: another URL, and every object that is asked for is noted. */
function remoteStore(store: ObjectStore, fetched: string[]): ObjectStore {
  return {
    url: 's3://lake/warehouse',
    list: options => store.list(options),
    listFolders: prefix => store.listFolders(prefix),
    head: key => store.head(key),
    get: async (key, options) => {
      fetched.push(key)
      return await store.get(key, options)
    },
    put: (key, body, options) => store.put(key, body, options),
    delete: key => store.delete(key),
    close: () => store.close(),
  }
}
