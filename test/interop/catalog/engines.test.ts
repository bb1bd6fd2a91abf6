/**
 * PyIceberg, Spark, Trino and DuckDB query through the embedded catalog of a running Tidewater, while it ingests. What they say is held
 * against what was sent and against the ledger, at the snapshot that was read.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { s3Environment, s3Places, WAREHOUSE_BUCKET } from '../../e2e/golden-bucket.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { EXPECTED_CODES } from '../golden-orders.ts'
import { kafkaOf, orderRow, sentOrders } from '../golden-rows.ts'
import {
  type QueryEngine,
  type RestCatalog,
  startDuckDb,
  startPyIceberg,
  startSpark,
} from '../readers/readers.ts'
import { startTrino } from '../readers/trino-reader.ts'
import { FIELDS, nullExpected, rowExpected } from '../readers/type-samples.ts'
import {
  DEAD_LETTERS,
  EVENTS_TABLE,
  type LiveTidewater,
  ORDERS_TABLE,
  type Snapshot,
  startLiveTidewater,
  TIMES_TABLE,
  TYPES_TABLE,
} from './live-tidewater.ts'

type Name = QueryEngine['name']

/** How often an engine counts a table that grows. */
const MIN_ROUNDS = 4
const MAX_ROUNDS = 500

let s3: S3Server
const engines = new Map<Name, QueryEngine>()
beforeAll(async () => {
  s3 = await startS3Server()
  await s3.createBucket(WAREHOUSE_BUCKET)
  const started = await Promise.all([startPyIceberg(), startSpark(), startTrino(), startDuckDb()])
  for (const engine of started) engines.set(engine.name, engine)
})
afterAll(async () => {
  await Promise.all([...engines.values()].map(engine => engine.close()))
  await s3?.stop()
})

/** In one order whatever the files' is. */
const sorted = (rows: readonly unknown[]) => rows.map(row => JSON.stringify(row)).sort()

const sent = sentOrders()
const broken = sent.filter(order => order.broken !== undefined)
const good = sent.flatMap(order =>
  order.broken === undefined && order.value !== null ? [{ sent: order, row: orderRow(order.value) }] : [],
)

/** A predicate as all engines read it, the same in JavaScript, and who reads every file all the same. */
interface Filter {
  readonly predicate: string
  readonly keeps: (order: (typeof good)[number]) => boolean
  readonly unpruned?: readonly Name[]
}
const FILTERS: readonly Filter[] = [
  {
    predicate: "created_at >= '2026-03-02T00:00:00+00:00' and created_at < '2026-03-02T12:00:00+00:00'",
    keeps: ({ row }) =>
      row.created_at !== null && row.created_at >= '2026-03-02T00' && row.created_at < '2026-03-02T12',
  },
  { predicate: 'order_id = 9007199254740993', keeps: ({ row }) => row.order_id === '9007199254740993' },
  // DuckDB 1.5 has no use for the bounds of columns inside structs.
  { predicate: '_kafka.offset >= 900', keeps: order => order.sent.offset >= 900, unpruned: ['duckdb'] },
  { predicate: 'amount >= 9999999999.99', keeps: ({ row }) => row.amount === '9999999999.99' },
  { predicate: "currency = 'ZAR'", keeps: () => false },
]

describe.each([
  {
    name: 'a warehouse on S3, with a token; engines have S3 settings of their own',
    takesPart: ['pyiceberg', 'spark', 'trino', 'duckdb'],
    start: () =>
      startLiveTidewater({ warehouse: s3Places(s3).warehouse, env: s3Environment(s3), withToken: true }),
    settings: () => ({ s3 }),
  },
  {
    // Trino takes keys from a catalog only together with a session token.
    name: 'a warehouse on S3 whose keys the catalog passes on',
    takesPart: ['pyiceberg', 'spark', 'duckdb'],
    start: () =>
      startLiveTidewater({
        warehouse: s3Places(s3).warehouse.replace('/warehouse', '/passed'),
        env: s3Environment(s3),
        passCredentials: true,
      }),
    settings: () => ({}),
  },
  {
    // Trino reads folders only with its Hadoop plugin, which Maven Central does not have.
    name: 'a warehouse in a folder',
    takesPart: ['pyiceberg', 'spark', 'duckdb'],
    start: () => startLiveTidewater({ warehouse: 'file:./warehouse' }),
    settings: () => ({}),
  },
] as const)('$name', ({ takesPart, start, settings }) => {
  let live: LiveTidewater
  let catalog: RestCatalog
  beforeAll(async () => {
    live = await start()
    const { endpoint, accessKeyId, secretAccessKey, region } = s3
    catalog = {
      ...live.catalog,
      ...('s3' in settings() && { s3: { endpoint, accessKeyId, secretAccessKey, region } }),
    }
    await live.expectRows(ORDERS_TABLE, good.length)
  })
  afterAll(() => live?.stop())

  const taking = () =>
    [...engines.values()].filter(({ name }) => (takesPart as readonly Name[]).includes(name))
  /** All at once: they are processes of their own. */
  const withEach = (body: (engine: QueryEngine) => Promise<void>) => Promise.all(taking().map(body))
  const at = (table: string) => ({ catalog, table })

  test('every order is read as it was sent, with its place in Kafka', async () => {
    await withEach(async engine => {
      const { rows } = await engine.scan(at(ORDERS_TABLE))
      const expected = good.map(({ sent, row }) => ({
        ...row,
        // PyIceberg 0.12 reads a null list of structs as an empty one.
        ...(engine.name === 'pyiceberg' && { items: row.items ?? [] }),
        _kafka: kafkaOf(sent),
      }))
      expect(rows.length, engine.name).toBe(expected.length)
      expect(sorted(rows), engine.name).toEqual(sorted(expected))
    })
  })

  test('dead letters are a table beside it', async () => {
    const expected = broken.map(({ partition, offset, key, value, broken: what = '' }) => ({
      place: [partition, offset],
      bytes: [key.toString('hex'), value?.toString('hex') ?? null],
      code: EXPECTED_CODES[what],
    }))
    await withEach(async engine => {
      const { rows } = await engine.scan(at(ORDERS_TABLE + DEAD_LETTERS))
      const found = rows.map(row => ({
        place: [row.partition, Number(row.offset)],
        bytes: [row.key, row.value],
        code: row.error_code,
      }))
      expect(sorted(found), engine.name).toEqual(sorted(expected))
    })
  })

  test('every type is read, extremes and nulls, in a namespace inside another', async () => {
    const columns = FIELDS.map(({ name }) => name)
    const expected = [rowExpected(1, 0), rowExpected(2, 1), nullExpected(3)]
    // PyIceberg 0.12 reads a null list of structs and a null map of structs as empty ones.
    const asPyIceberg = expected.map(row => (row.id === '3' ? { ...row, lines: [], counts: [] } : row))
    await withEach(async engine => {
      const { rows } = await engine.scan(at(TYPES_TABLE), { orderBy: ['id'], columns })
      expect(rows, engine.name).toEqual(engine.name === 'pyiceberg' ? asPyIceberg : expected)
    })
  })

  test('times are read by all but Spark, which has no such type', async () => {
    await withEach(async engine => {
      const scan = engine.scan(at(TIMES_TABLE), { orderBy: ['id'], columns: ['id', 't'] })
      if (engine.name === 'spark') return expect(scan).rejects.toThrow(/time/)
      expect((await scan).rows, engine.name).toEqual([
        { id: 1, t: '23:59:59.999999' },
        { id: 2, t: '00:00:00.000000' },
        { id: 3, t: null },
      ])
    })
  })

  test('filters skip files and lose no row', async () => {
    await withEach(async engine => {
      const all = await engine.scan(at(ORDERS_TABLE), { columns: ['order_id'] })
      for (const { predicate, keeps, unpruned = [] } of FILTERS) {
        const found = await engine.scan(at(ORDERS_TABLE), { filter: predicate, columns: ['order_id'] })
        const expected = good.filter(keeps).map(({ row }) => ({ order_id: row.order_id }))
        const what = `${engine.name}: ${predicate}`
        expect(sorted(found.rows), what).toEqual(sorted(expected))
        if (unpruned.includes(engine.name)) expect(found.plannedFiles, what).toBe(all.plannedFiles)
        else expect(found.plannedFiles, what).toBeLessThan(all.plannedFiles)
      }
    })
  })

  test('while events arrive, each count is that of a snapshot of its moment, and the ledger agrees in the end', async () => {
    const stop = new AbortController()
    const landing = live.landEvents(stop.signal)
    await expect
      .poll(async () => (await live.snapshots(EVENTS_TABLE)).length, { timeout: 60_000 })
      .toBeGreaterThan(1)
    try {
      await withEach(async engine => {
        const counts: number[] = []
        for (let round = 0; round < MAX_ROUNDS && !hasGrown(counts); round++) {
          const before = (await live.snapshots(EVENTS_TABLE)).at(-1)?.id
          const count = await engine.count(at(EVENTS_TABLE))
          const after = await live.snapshots(EVENTS_TABLE)
          const possible = after.slice(after.findIndex(({ id }) => id === before))
          expect(
            possible.map(({ totalRecords }) => totalRecords),
            engine.name,
          ).toContain(count)
          counts.push(count)
        }
        expect(hasGrown(counts), `${engine.name} saw the table grow`).toBe(true)
      })
    } finally {
      stop.abort()
    }
    const landed = await landing
    await live.expectRows(EVENTS_TABLE, landed.rows)
    await live.expectRows(EVENTS_TABLE + DEAD_LETTERS, landed.deadLetters)
    const audit = await live.workspace.tidewater(['audit', EVENTS_TABLE, '--json'])
    expect(audit.exitCode, audit.stdout).toBe(0)
    await withEach(async engine => {
      expect(await engine.count(at(EVENTS_TABLE)), engine.name).toBe(landed.rows)
      expect(await engine.count(at(EVENTS_TABLE + DEAD_LETTERS)), engine.name).toBe(landed.deadLetters)
    })
  })

  test('each snapshot has the offsets below its watermarks, each once, as a row or as a dead letter', async () => {
    const snapshots = await live.snapshots(EVENTS_TABLE)
    const chosen = [Math.floor(snapshots.length / 2), snapshots.length - 1].map(index => snapshots[index])
    await withEach(async engine => {
      expect(await engine.snapshotIds(at(EVENTS_TABLE)), engine.name).toEqual(snapshots.map(({ id }) => id))
      const deadLetters = await engine.scan(at(EVENTS_TABLE + DEAD_LETTERS), {
        columns: ['partition', 'offset'],
      })
      for (const snapshot of chosen) {
        if (snapshot === undefined) continue
        const { rows } = await engine.scan(at(EVENTS_TABLE), { snapshotId: snapshot.id, columns: ['_kafka'] })
        expect(rows.length, `${engine.name} at ${snapshot.id}`).toBe(snapshot.totalRecords)
        if (snapshot.offsets === undefined) continue
        const places = [...rows.map(row => place(row._kafka)), ...deadLetters.rows.map(place)]
        const expected = offsetsBelow(snapshot)
        const below = places.filter(one => expected.has(one)).sort()
        expect(below, `${engine.name} at ${snapshot.id}`).toEqual([...expected].sort())
        expect(
          rows.every(row => expected.has(place(row._kafka))),
          engine.name,
        ).toBe(true)
      }
    })
  })
})

function hasGrown(counts: readonly number[]): boolean {
  return counts.length >= MIN_ROUNDS && (counts.at(-1) ?? 0) > (counts[0] ?? 0)
}

const placeSchema = z.object({ partition: z.int(), offset: z.string() })
function place(row: unknown): string {
  const { partition, offset } = placeSchema.parse(row)
  return `${partition}/${offset}`
}

function offsetsBelow({ offsets }: Snapshot): ReadonlySet<string> {
  const below = new Set<string>()
  for (const { partition, firstOffset, committedOffset } of offsets?.partitions ?? [])
    for (let offset = firstOffset; offset < committedOffset; offset++) below.add(`${partition}/${offset}`)
  return below
}
