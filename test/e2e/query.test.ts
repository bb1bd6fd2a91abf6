/** `tidewater query` as people run it: on a folder, on S3, in a shell, and without DuckDB. */
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goldenConfig, goldenTopic, ORDERS } from '../interop/golden-tables.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'
import { landInBucket, SOURCE_BUCKET, s3Environment, s3Places, WAREHOUSE_BUCKET } from './golden-bucket.ts'
import { orders, ordersConfig } from './orders-config.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

describe('on a folder', () => {
  let workspace: Workspace
  let temporary: string
  const query = (...args: string[]) => workspace.tidewater(['query', ...args])
  const lines = (text: string) => text.trim().split('\n')

  beforeAll(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'tidewater-query-e2e-'))
    // Wherever the machine is, times without a zone are UTC.
    workspace = await createWorkspace({ TMPDIR: temporary, TZ: 'America/New_York' })
    await workspace.write('tidewater.yaml', ordersConfig())
    await workspace.tidewater(['land', 'orders'], `${orders(0, 60)}not json\n`)
    expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  })
  afterAll(async () => {
    await workspace.remove()
    await rm(temporary, { recursive: true })
  })

  test('rows as a table, as JSON with all digits, and as CSV', async () => {
    const sql =
      'SELECT id, amount, "at", NULL AS nothing, 9007199254740993 AS big FROM shop.orders ORDER BY id LIMIT 2'
    const asTable = await query(sql)
    expect(asTable).toMatchObject({ exitCode: 0, stderr: '' })
    expect(asTable.stdout).toBe(
      [
        'id  amount  at                    nothing               big',
        '--  ------  --------------------  -------  ----------------',
        ' 0    0.00  2026-01-01T10:00:00Z     NULL  9007199254740993',
        ' 1    0.25  2026-01-02T10:00:00Z     NULL  9007199254740993',
        '',
      ].join('\n'),
    )
    expect((await query('--format', 'json', sql)).stdout).toBe(
      '{"id":0,"amount":0.00,"at":"2026-01-01T10:00:00Z","nothing":null,"big":9007199254740993}\n{"id":1,"amount":0.25,"at":"2026-01-02T10:00:00Z","nothing":null,"big":9007199254740993}\n',
    )
    expect((await query('--format', 'csv', sql)).stdout).toBe(
      'id,amount,at,nothing,big\n0,0.00,2026-01-01T10:00:00Z,,9007199254740993\n1,0.25,2026-01-02T10:00:00Z,,9007199254740993\n',
    )
  })

  test('dead letters and system tables are tables too', async () => {
    const deadLetters = await query('--format', 'json', 'SELECT error_code FROM shop.orders__dlq')
    expect(deadLetters.stdout).toBe('{"error_code":"not-json"}\n')
    const sql = `
      SELECT sum(record_count) = (SELECT count(*) FROM shop.orders) AS files,
        (SELECT total_records = 60 FROM _tidewater.snapshots WHERE table_name = 'shop.orders') AS snapshots,
        (SELECT committed_offset = 61 FROM _tidewater.offsets) AS offsets,
        (SELECT count(*) FROM _tidewater.events) AS events,
        (SELECT count(*) FROM _tidewater.tables) AS tables
      FROM _tidewater.files WHERE table_name = 'shop.orders'`
    expect(JSON.parse((await query('--format', 'json', sql)).stdout)).toEqual({
      files: true,
      snapshots: true,
      offsets: true,
      events: expect.any(Number),
      tables: 2,
    })
  })

  test('rows beyond the limit are cut, and a note says so', async () => {
    const cut = await query('--limit', '5', '--format', 'csv', 'SELECT id FROM shop.orders')
    expect(lines(cut.stdout)).toHaveLength(6)
    expect(cut.stderr).toContain('--limit none')
    const exact = await query('--limit', '60', '--format', 'csv', 'SELECT id FROM shop.orders')
    expect(exact.stderr).toBe('')
    expect(
      lines((await query('--limit', 'none', '--format', 'csv', 'SELECT range FROM range(5000)')).stdout),
    ).toHaveLength(5001)
  })

  test('--explain says what is pruned by the partition', async () => {
    const { stdout } = await query('--explain', `SELECT * FROM shop.orders WHERE "at" >= '2026-01-03'`)
    expect(stdout).toMatch(/shop\.orders at snapshot \d+ of /)
    expect(stdout).toMatch(/read 1 of 3 files, .* 20 rows/)
    expect(stdout).toMatch(/pruned 2 by partition, 0 by column bounds/)
  })

  test('a Parquet file is written, whole or not at all', async () => {
    expect((await query('--format', 'parquet', 'FROM shop.orders')).exitCode).toBe(2)
    const written = await query(
      '--format',
      'parquet',
      '--output',
      workspace.path('out.parquet'),
      'FROM shop.orders',
    )
    expect(written).toMatchObject({ exitCode: 0, stderr: '' })
    expect((await readFile(workspace.path('out.parquet'))).subarray(0, 4).toString()).toBe('PAR1')
    const failed = await query(
      '--output',
      workspace.path('failed.csv'),
      '--format',
      'csv',
      'SELECT error(id::VARCHAR) FROM shop.orders',
    )
    expect(failed.exitCode).toBe(1)
    expect(
      (await readdir(workspace.folder)).filter(name => name.includes('failed') || name.includes('partial')),
    ).toEqual([])
  })

  test('a text file is written whole, and one that cannot be written is named', async () => {
    const path = workspace.path('out.csv')
    const rows = ['--format', 'csv', '--limit', 'none', 'SELECT range AS n FROM range(2500)']
    expect(await query('--output', path, ...rows)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
    expect(lines(await readFile(path, 'utf8'))).toHaveLength(2501)
    const nowhere = await query('--output', workspace.path('none/out.csv'), ...rows)
    expect(nowhere).toMatchObject({ exitCode: 2, stdout: '' })
    expect(nowhere.stderr).toMatch(/^tidewater: --output .*none\/out\.csv cannot be written: ENOENT/)
  })

  test('--at is in UTC unless it says a zone', async () => {
    const at = async (text: string) => (await query('--at', text, 'FROM shop.orders')).stderr
    for (const text of ['2020-01-02', '2020-01-02T00:00', '2020-01-02 00:00:00', '2020-01-02T01:00:00+01:00'])
      expect(await at(text)).toContain('no snapshot as old as 2020-01-02T00:00:00.000Z')
    expect(await at('Jan 2 2020')).toContain('expected a time such as')
  })

  test.each(['csv', 'parquet'])(
    'an --output that cannot be written is refused in words (%s)',
    async format => {
      for (const path of [workspace.path('nowhere/out'), workspace.folder]) {
        const refused = await query('--format', format, '--output', path, 'FROM shop.orders')
        expect(refused).toMatchObject({ exitCode: 2, stdout: '' })
        expect(refused.stderr).toMatch(/^tidewater: --output .+ cannot be written: .+\n$/)
      }
    },
  )

  test('statements come from standard input and from a file', async () => {
    const piped = await workspace.tidewater(
      ['query', '--format', 'csv'],
      "SELECT 1 AS a; SELECT ';' AS b -- ;\n;",
    )
    expect(piped.stdout).toBe('a\n1\nb\n;\n')
    await workspace.write('q.sql', 'SELECT count(*) AS n FROM shop.orders;\n')
    expect((await query('--file', workspace.path('q.sql'), '--format', 'csv')).stdout).toBe('n\n60\n')
  })

  test.each([
    ['SELECT * FROM shop.order', 2, 'Did you mean shop.orders?'],
    ['SELECT amuont FROM shop.orders', 2, 'Candidate bindings: "amount"'],
    ['SELEC 1', 2, 'syntax error'],
    ["COPY shop.orders TO 'x.csv'", 2, 'COPY statements are refused'],
    ["SELECT * FROM read_csv('/etc/passwd')", 2, 'files of this machine'],
    ["SELECT CAST('x' AS INTEGER)", 1, 'Could not convert'],
  ])('%s ends with %i and says why', async (sql, exitCode, said) => {
    const result = await query(sql)
    expect(result).toMatchObject({ exitCode, stdout: '' })
    expect(result.stderr).toContain(said)
    expect(result.stderr).not.toMatch(/\n\s+at /)
  })

  test('SIGINT ends a running statement with 1 and leaves no temporary folder', async () => {
    const folders = async () => (await readdir(temporary)).filter(name => name.startsWith('tidewater-query-'))
    const child = workspace.start([
      'query',
      'SELECT count(*) FROM range(100000) a, range(100000000) b WHERE a.range * b.range % 7 = 3',
    ])
    let said = ''
    child.stderr?.on('data', chunk => {
      said += String(chunk)
    })
    while ((await folders()).length === 0) await new Promise(resolve => setTimeout(resolve, 20))
    await new Promise(resolve => setTimeout(resolve, 500))
    child.kill('SIGINT')
    const exitCode = await new Promise(resolve => child.once('close', resolve))
    expect(said).toContain('interrupted')
    expect(exitCode).toBe(1)
    expect(await folders()).toEqual([])
  })
})

describe('on S3', () => {
  test('files come through the object store, and DuckDB opens no connection of its own', async () => {
    const server: S3Server = await startS3Server()
    const workspace = await createWorkspace(s3Environment(server))
    try {
      await server.createBucket(SOURCE_BUCKET)
      await server.createBucket(WAREHOUSE_BUCKET)
      await workspace.write('tidewater.yaml', goldenConfig(ORDERS, s3Places(server)))
      await landInBucket(server, 'orders')
      expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
      const topic = goldenTopic('orders')
      const broken = topic.broken?.length ?? 0
      const sent = topic.partitions.reduce((sum, { records }) => sum + records.length, 0)
      const counted = await workspace.tidewater([
        'query',
        '--format',
        'json',
        'SELECT (SELECT count(*) FROM shop.orders) AS n, (SELECT count(*) FROM shop.orders__dlq) AS d',
      ])
      expect(counted.stderr).toBe('')
      expect(JSON.parse(counted.stdout)).toEqual({ n: sent - broken, d: broken })
      const limited = await workspace.tidewater([
        'query',
        '--max-fetch',
        '1KB',
        'SELECT count(*) FROM shop.orders',
      ])
      expect(limited).toMatchObject({ exitCode: 1, stdout: '' })
      expect(limited.stderr).toContain('--max-fetch')
      const explained = await workspace.tidewater([
        'query',
        '--explain',
        '--max-fetch',
        '1KB',
        'SELECT count(*) FROM shop.orders',
      ])
      expect(explained.stdout).toMatch(/fetch \d+ of \d+ files/)
      await server.interrupt()
      const away = await workspace.tidewater(['query', '--explain', 'SELECT count(*) FROM shop.orders'])
      expect(away).toMatchObject({ exitCode: 0 })
    } finally {
      await workspace.remove()
      await server.stop()
    }
  })
})

describe('without DuckDB', () => {
  test('the command says how to install it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tidewater-no-duckdb-'))
    try {
      // The program somewhere else, with every dependency but that one.
      const root = join(import.meta.dirname, '../..')
      for (const name of ['services', 'shared', 'catalog-adapters', 'package.json'])
        await cp(join(root, name), join(folder, name), { recursive: true })
      // An empty folder under its name ends the search, also where a folder above has the package.
      await mkdir(join(folder, 'node_modules/@duckdb/node-api'), { recursive: true })
      for (const name of await readdir(join(root, 'node_modules')))
        if (name !== '@duckdb')
          await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name))
      await writeFile(join(folder, 'tidewater.yaml'), ordersConfig())
      const child = spawn(process.execPath, ['services/cli/launcher.js', 'query', 'SELECT 1'], {
        cwd: folder,
      })
      let said = ''
      child.stderr.on('data', chunk => {
        said += String(chunk)
      })
      const exitCode = await new Promise(resolve => child.once('close', resolve))
      expect(said).toContain('npm install @duckdb/node-api')
      expect(exitCode).toBe(2)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
