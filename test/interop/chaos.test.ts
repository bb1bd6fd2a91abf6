/**
 * Two minutes of bad weather over real processes and real servers (docs/chaos.md): nothing is lost, doubled or left undone.
 * Then the end state is spoiled on purpose, and the checks must say so: a run whose checks cannot fail proves nothing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { locationToKey } from '../../shared/object-store/locations.ts'
import { type ChaosRun, runChaos } from '../chaos/chaos.ts'

const SEED = Number(process.env.TIDEWATER_SEED ?? 20_261_121)
const MINUTES = 2

describe(`chaos on real processes (TIDEWATER_SEED=${SEED})`, () => {
  let run: ChaosRun
  let hasFailed = true
  beforeAll(async () => {
    run = await runChaos({ seed: SEED, minutes: MINUTES, print: line => console.log(line) })
  })
  afterAll(() => run?.remove({ keepLogs: hasFailed }))

  test(`after ${MINUTES} minutes every record is in its table once, or once among the dead letters`, () => {
    expect(run.findings, `the logs are in ${run.folder}`).toEqual([])
    expect(run.figures.records).toBeGreaterThan(1000)
    expect(run.figures.struckRequests).toBeGreaterThan(10)
    hasFailed = false
  })

  test('the checks find a lost row of the ledger, lost dead letters, a missing record, a stray object and one too many', async () => {
    await loseLedgerRow('chaos.skipped')
    await copyDataFile('chaos.quiet')
    await loseDeadLetters('chaos.orders')
    await run.servers.warehouse.put('chaos/orders/data/stray.parquet', Buffer.from('stray'))
    await run.landing.landOne('orders')

    const found = (await run.check()).findings.join('\n')
    expect(found).toMatch(/tidewater audit is not clean/)
    expect(found).toMatch(
      /audit of chaos\.skipped: .* is in its segment, and neither a row nor a dead letter/,
    )
    expect(found).toMatch(/skipped\/.*of a claim that committed, and the ledger does not name it/)
    expect(found).toMatch(/quiet\/.*of a claim that committed, and the ledger does not name it/)
    expect(found).toMatch(/orders\.dlq\/.* is named by the ledger and is not there/)
    expect(found).toMatch(/chaos\.orders: dead letters of the topic: \d+ missing/)
    expect(found).toMatch(/stray\.parquet has no name that Tidewater gives/)
    expect(found).toMatch(/chaos\.orders: ids: \d+ missing/)
    expect(found).toMatch(/chaos\.orders: PyIceberg's count: expected \d+, found \d+/)
    expect(found).not.toMatch(/check of .* failed/)
  })

  test('the checks find a lost data file', async () => {
    const { warehouse } = run.servers
    await warehouse.delete(locationToKey(warehouse, await liveFile('chaos.clicks')))
    const found = (await run.check()).findings.join('\n')
    expect(found).toMatch(/clicks\/.*\.parquet is named by the ledger and is not there/)
    expect(found).toMatch(/the check of rows of chaos\.clicks failed/)
    expect(found).toMatch(/tidewater audit/)
  })

  /** A live file of the table that is not the only one of its claim. */
  async function liveFile(table: string): Promise<string> {
    const [file] = await run.servers.postgres.query(`
      select path from data_file join iceberg_table using (table_id)
      where name = '${table}' and removed_version is null and path not like '%-00000.parquet' order by path limit 1`)
    if (file !== undefined) return String(file.path)
    const [any] = await run.servers.postgres.query(`
      select path from data_file join iceberg_table using (table_id) where name = '${table}' order by path limit 1`)
    return String(any?.path)
  }

  async function loseLedgerRow(table: string): Promise<void> {
    await run.servers.postgres.query(`delete from data_file where path = '${await liveFile(table)}'`)
  }

  async function copyDataFile(table: string): Promise<void> {
    const { warehouse } = run.servers
    const key = locationToKey(warehouse, await liveFile(table))
    await warehouse.put(key.replace(/\d{5}\.parquet$/, '99999.parquet'), await warehouse.get(key))
  }

  async function loseDeadLetters(table: string): Promise<void> {
    const { warehouse } = run.servers
    const first = warehouse.list({ prefix: `_topics/${table}.dlq/0/`, limit: 2 })
    for await (const { key } of first) await warehouse.delete(key)
  }
})
