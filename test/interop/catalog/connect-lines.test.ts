/** The lines that the demo prints and the docs show connect each engine as they stand: nothing is added but where they are run, and keys for S3. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Connection, type ConnectLines, connectLines } from '../../../services/server/connect-lines.ts'
import { s3Environment, s3Places, WAREHOUSE_BUCKET } from '../../e2e/golden-bucket.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { startTrinoServer, type TrinoServer } from '../../servers/trino.ts'
import { installReaders } from '../readers/install.ts'
import { type LiveTidewater, ORDERS_TABLE, startLiveTidewater, TOKEN, TYPES_TABLE } from './live-tidewater.ts'

const LIMIT_MS = 300_000
const run = promisify(execFile)

/** DuckDB's own servers may be out of reach: its extensions come from a folder. */
const DUCKDB_SHELL = `
import sys, duckdb
db = duckdb.connect()
db.execute(f"SET extension_directory = '{sys.argv[1]}/installed'")
db.execute(f"SET custom_extension_repository = '{sys.argv[1]}'")
db.execute(f"SET autoinstall_extension_repository = '{sys.argv[1]}'")
for line in sys.argv[2].splitlines():
    result = db.execute(line)
print(result.to_arrow_table())
`

let s3: S3Server
let trino: TrinoServer
let python: string
const folder = mkdtempSync(join(tmpdir(), 'tidewater-connect-'))
beforeAll(async () => {
  s3 = await startS3Server()
  await s3.createBucket(WAREHOUSE_BUCKET)
  ;({ python } = await installReaders())
  await run(python, [join(import.meta.dirname, '../readers/duckdb_repository.py'), folder])
  trino = await startTrinoServer(keys())
})
afterAll(async () => {
  await trino?.stop()
  await s3?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** As clients find them by themselves. */
const keys = () => ({ AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey })

async function shell(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, {
    cwd: folder,
    timeout: LIMIT_MS,
    env: { ...process.env, ...keys() },
  })
  return stdout
}

async function sparkFolder(): Promise<string> {
  return (await shell(python, ['-c', 'import os, pyspark; print(os.path.dirname(pyspark.__file__))'])).trim()
}

describe.each([
  {
    name: 'a warehouse on S3, with a token',
    table: TYPES_TABLE,
    start: () =>
      startLiveTidewater({ warehouse: s3Places(s3).warehouse, env: s3Environment(s3), withToken: true }),
    connection: () => ({ store: { url: `s3://${WAREHOUSE_BUCKET}`, endpoint: s3.endpoint }, token: TOKEN }),
  },
  {
    name: 'a warehouse in a folder',
    table: ORDERS_TABLE,
    start: () => startLiveTidewater({ warehouse: 'file:./warehouse' }),
    connection: (): Pick<Connection, 'store'> => ({ store: { url: 'file:///lake' } }),
  },
])('$name', ({ table, start, connection }) => {
  let live: LiveTidewater
  let lines: ReadonlyMap<ConnectLines['engine'], string>
  beforeAll(async () => {
    live = await start()
    const { uri, warehouse = '' } = live.catalog
    const texts = connectLines({ uri, warehouse, table, ...connection() })
    lines = new Map(texts.map(({ engine, lines }) => [engine, lines.join('\n')]))
    await live.expectRows(ORDERS_TABLE, 2972)
  })
  afterAll(() => live?.stop())
  const textFor = (engine: ConnectLines['engine']) => lines.get(engine) ?? ''
  const aColumn = table === ORDERS_TABLE ? 'order_id' : 'dec38'
  const aValue = table === ORDERS_TABLE ? /customer\d+@example.com/ : /9999999999\.9999999999/

  test('PyIceberg', async () => {
    const shown = await shell(python, ['-c', textFor('PyIceberg')])
    expect(shown).toContain(aColumn)
    expect(shown).toMatch(aValue)
  })

  test('Spark', async () => {
    const path = [join(await sparkFolder(), 'bin'), process.env.PATH].join(delimiter)
    expect(await shell('sh', ['-ec', `export PATH='${path}'\n${textFor('Spark')}`])).toMatch(aValue)
  })

  test('DuckDB', async () => {
    const shown = await shell(python, ['-c', DUCKDB_SHELL, folder, textFor('DuckDB')])
    expect(shown).toContain(aColumn)
    expect(shown).toMatch(aValue)
  })

  test('Trino', async () => {
    await trino.addCatalog('tidewater', textFor('Trino'))
    const [namespace, name] = [table.slice(0, table.lastIndexOf('.')), table.split('.').at(-1)]
    const { rows } = await trino.query(
      `SELECT count(*), min(_kafka."offset") FROM tidewater."${namespace}".${name}`,
    )
    expect(rows).toEqual([[table === ORDERS_TABLE ? 2972 : 3, 0]])
    await trino.removeCatalog('tidewater')
  })
})
