import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

let workspace: Workspace
const tidewater = (...args: string[]) => workspace.tidewater(args)
const SEGMENT = 'segments/orders/0/segment-00000000000000000000.kfs'

async function flip(name: string, position: number): Promise<void> {
  const bytes = await readFile(workspace.path(name))
  bytes[position] = (bytes[position] ?? 0) ^ 0xff
  await writeFile(workspace.path(name), bytes)
}

const statusOf = async () => JSON.parse((await tidewater('status', '--json')).stdout)

test('a plan for a database that is not there names what a run creates, and creates nothing', async () => {
  const empty = await createWorkspace()
  await empty.write('tidewater.yaml', ordersConfig())
  await empty.tidewater(['land', 'orders'], orders(0, 10))
  const planned = await empty.tidewater(['plan', '--exit-code'])
  expect(planned).toMatchObject({ exitCode: 3, stderr: '' })
  expect(planned.stdout).toContain('+ table shop.orders at file:')
  expect(planned.stdout).toContain('1 segment of ')
  expect(planned.stdout).toMatch(/\n {2}2 changes: tidewater run makes them\.\n$/)
  const { changes, tables } = JSON.parse((await empty.tidewater(['plan', '--json'])).stdout)
  expect([changes, tables[0].waiting.segments]).toEqual([2, 1])
  expect(await empty.tidewater(['status'])).toMatchObject({ exitCode: 1 })
  await empty.remove()
})

describe('looking at a table', () => {
  beforeAll(async () => {
    workspace = await createWorkspace()
    await workspace.write('tidewater.yaml', ordersConfig())
    await workspace.tidewater(
      ['land', 'orders', '--codec', 'lz4'],
      `${orders(0, 50)}not json\n{"amount": 1}\n`,
    )
    await workspace.tidewater(['land', 'orders', '--partitions', '2', '--key', 'id'], orders(50, 20))
    expect(await tidewater('run', '--once')).toMatchObject({ exitCode: 0, stdout: '' })
  })
  afterAll(() => workspace.remove())

  test('status in words and as JSON', async () => {
    const text = await tidewater('status')
    expect(text).toMatchObject({ exitCode: 0, stderr: '' })
    expect(text.stdout).toContain('shop.orders · active')
    expect(text.stdout).toContain('70 rows, 2 dead letters')
    expect(text.stdout).toContain('dead letters in topic shop.orders.dlq: 2\n')
    const { tables } = await statusOf()
    expect(tables[0].partitions.map((partition: { partition: number }) => partition.partition)).toEqual([
      0, 1,
    ])
  })

  test('tables in a line each, and one of them at length', async () => {
    const { stdout } = await tidewater('tables')
    expect(stdout).toMatch(/^table +state +rows +files/)
    expect(stdout).toMatch(/\nshop\.orders +active +70 .* local published\n/)
    expect(stdout).toMatch(/\nshop\.orders__dlq +active +2 .* local published\n/)
    const shown = await tidewater('table', 'show', 'shop.orders', '--files', '--limit', '1')
    expect(shown).toMatchObject({ exitCode: 0, stderr: '' })
    for (const text of ['1 id: long required', '1000 at_day = day(at)', '70 rows', '.parquet', 'more'])
      expect(shown.stdout).toContain(text)
    const { tables } = JSON.parse((await tidewater('tables', '--json')).stdout)
    const one = JSON.parse((await tidewater('table', 'show', 'shop.orders', '--json')).stdout)
    expect(one).toMatchObject({ rows: 70, table_uuid: tables[0].table_uuid, files: { newest: [] } })
    expect(await tidewater('table', 'show', 'shop.nothing')).toMatchObject({ exitCode: 2 })
  })

  test('a plan without changes says so; one that is refused says why, as the run does', async () => {
    expect(await tidewater('plan', '--exit-code')).toEqual({
      exitCode: 0,
      stdout: '  No changes.\n',
      stderr: '',
    })
    await workspace.write('other.yaml', ordersConfig().replace('decimal(12,2)', 'decimal(14,2)'))
    const refused = await tidewater('plan', '-c', 'other.yaml', '--exit-code')
    expect(refused.exitCode).toBe(2)
    expect(refused.stdout).toContain('!   column amount: decimal(12, 2) → decimal(14, 2) (refused)\n')
    expect(await tidewater('run', '--once', '-c', 'other.yaml')).toMatchObject({
      exitCode: 2,
      stderr: refused.stderr,
    })
  })

  test('audit in words, and only of the tables that are named', async () => {
    const all = await tidewater('audit')
    expect(all).toMatchObject({ exitCode: 0, stderr: '' })
    expect(all.stdout).toMatch(
      /^table +rows +dead_letters +skipped +absent +gaps +duplicates +source_gaps +unverifiable +topic_records +topic_gaps +topic_duplicates\n/,
    )
    expect(all.stdout).toMatch(/\nshop\.orders +70 +2 +0 +0 +0 +0 +0 +0 +2 +0 +0\n/)
    expect(await tidewater('audit', 'shop.nothing')).toMatchObject({ exitCode: 2 })
  })

  test('dead letters by reason, and one by one', async () => {
    const { stdout } = await tidewater('dlq', 'ls')
    expect(stdout).toMatch(/shop\.orders +orders-0 +not-json +1/)
    expect(stdout).toMatch(
      /\ntopic shop\.orders\.dlq at file:.*\/warehouse\/_topics\/shop\.orders\.dlq: offsets 0 to 1\n$/,
    )
    const { dead_letters, topics } = JSON.parse((await tidewater('dlq', 'ls', '--json')).stdout)
    expect(dead_letters).toHaveLength(2)
    expect(topics).toMatchObject([{ table: 'shop.orders', end_offset: 2, rendered_offset: 2 }])
    const shown = await tidewater('dlq', 'show', 'shop.orders', '--code', 'not-json')
    expect(shown.stdout).toContain('"not json"')
    const lines = (await tidewater('dlq', 'show', 'shop.orders', '--json')).stdout.trim().split('\n')
    expect(lines.map(line => JSON.parse(line).offset)).toEqual([50, 51])
    expect(
      (await tidewater('dlq', 'show', 'shop.orders', '--limit', '1', '--json')).stdout.trim().split('\n'),
    ).toHaveLength(1)
    const unknown = await tidewater('dlq', 'show', 'shop.nothing')
    expect(unknown).toMatchObject({ exitCode: 2 })
    expect(unknown.stderr).toContain('shop.orders')
  })

  test('a segment, good and damaged', async () => {
    const good = await tidewater('segment', 'inspect', SEGMENT)
    expect(good).toMatchObject({ exitCode: 0 })
    expect(good.stdout).toContain('lz4')
    const cat = await tidewater('segment', 'cat', SEGMENT)
    expect(cat).toMatchObject({ exitCode: 0, stderr: '' })
    expect(cat.stdout.trim().split('\n')).toHaveLength(52)
    await flip(SEGMENT, 200)
    try {
      const damaged = await tidewater('segment', 'inspect', SEGMENT)
      expect(damaged).toMatchObject({ exitCode: 1 })
      const broken = await tidewater('segment', 'cat', SEGMENT)
      expect(broken).toMatchObject({ exitCode: 1 })
      expect(broken.stderr).toMatch(/crc/)
    } finally {
      await flip(SEGMENT, 200)
    }
    expect(await tidewater('segment', 'inspect', 'segments/none.kfs')).toMatchObject({ exitCode: 1 })
  })

  test('a reader that closes the pipe early is no failure', async () => {
    const child = workspace.start(['segment', 'cat', SEGMENT])
    let stderr = ''
    child.stderr?.on('data', chunk => {
      stderr += String(chunk)
    })
    child.stdout?.destroy()
    const exitCode = await new Promise(resolve => child.once('close', resolve))
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })
})

describe('mistakes on the command line and in the configuration', () => {
  beforeAll(async () => {
    workspace = await createWorkspace()
  })
  afterAll(() => workspace.remove())

  test('every mistake at once, each with its line; exit code 2', async () => {
    await workspace.write('bad.yaml', ordersConfig({ table: '    dlq_mod: skip\n    commit_interval: soon' }))
    const { exitCode, stdout, stderr } = await tidewater('validate', '--config', 'bad.yaml')
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(/bad\.yaml:\d+.*dlq_mod/)
    expect(stderr).toContain('dlq_mode')
    expect(stderr).toContain('commit_interval')
    expect(stderr).toContain('2 errors')
    expect(await tidewater('run', '--once', '--config', 'bad.yaml')).toMatchObject({ exitCode: 2 })
  })

  test('a right configuration says so', async () => {
    await workspace.write('tidewater.yaml', ordersConfig())
    const { exitCode, stdout } = await tidewater('validate')
    expect(exitCode).toBe(0)
    expect(stdout).toContain('shop.orders')
  })

  test('a missing configuration, an unknown command, a missing argument, a bad option: 2, with a hint', async () => {
    const missing = await tidewater('validate', '--config', 'none.yaml')
    expect(missing).toMatchObject({ exitCode: 2 })
    expect(missing.stderr).toContain('--config')
    for (const args of [
      ['nonsense'],
      ['run', '--twice'],
      ['skip-to', 'shop.orders'],
      ['land'],
      ['dlq', 'show', 'x', '--limit', 'y'],
    ])
      expect({ args, exitCode: (await tidewater(...args)).exitCode }).toEqual({ args, exitCode: 2 })
    expect(await tidewater('--help')).toMatchObject({ exitCode: 0 })
    expect((await tidewater('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test('commands that look, before anything ran, say so and make nothing', async () => {
    await workspace.write('tidewater.yaml', ordersConfig())
    const { exitCode, stderr } = await tidewater('status')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('tidewater run')
  })
})

describe('ways out of a stop', () => {
  beforeEach(async () => {
    workspace = await createWorkspace()
    await workspace.write('tidewater.yaml', ordersConfig({ top: 'limits: { max_task_attempts: 2 }' }))
    await workspace.tidewater(['land', 'orders'], orders(0, 30))
    await workspace.tidewater(['land', 'orders'], orders(30, 30))
  })
  afterEach(() => workspace.remove())

  test('a damaged segment: reasons and exit 1, then unpark after mending, or skip-to, each with who and why', async () => {
    await flip(SEGMENT, 200)
    const stopped = await tidewater('run', '--once')
    expect(stopped.exitCode).toBe(1)
    expect(stopped.stderr).toContain('not done: shop.orders: orders-0 is stopped')
    const before = await statusOf()
    const [{ task_id: taskId, code }] = before.tables[0].parked_tasks
    expect((await tidewater('status')).stdout).toContain(`parked ${taskId}`)
    expect(code).toMatch(/crc/)

    await flip(SEGMENT, 200)
    expect(await tidewater('unpark', 'no-such-task', '--why', 'x')).toMatchObject({ exitCode: 1 })
    expect(await tidewater('unpark', taskId, '--why', 'restored from backup')).toMatchObject({ exitCode: 0 })
    expect(await tidewater('run', '--once')).toMatchObject({ exitCode: 0 })

    await flip('segments/orders/0/segment-00000000000000000030.kfs', 200)
    expect(
      await tidewater('skip-to', 'shop.orders', '--partition', '0', '--offset', '60', '--why', 'late'),
    ).toMatchObject({ exitCode: 1 })
    expect(
      await tidewater('skip-to', 'shop.orders', '--partition', '9', '--offset', '60', '--why', 'x'),
    ).toMatchObject({ exitCode: 2 })
    const { events, tables } = await statusOf()
    expect(tables[0]).toMatchObject({ rows: 60, parked_tasks: [] })
    expect(events.find((event: { type: string }) => event.type === 'operator.unpark')).toMatchObject({
      why: 'restored from backup',
      who: expect.stringMatching(/./),
    })
  })

  test('pause and resume, of a table and of a partition; skip-to gives up and goes on', async () => {
    await flip(SEGMENT, 200)
    await tidewater('run', '--once')
    const skipped = await tidewater(
      'skip-to',
      'shop.orders',
      '--partition',
      '0',
      '--offset',
      '30',
      '--why',
      'lost',
    )
    expect(skipped).toMatchObject({ exitCode: 0 })
    expect(skipped.stdout).toContain('offsets 0 to 29 are given up')
    expect(await tidewater('pause', 'shop.orders', '--why', 'upstream moves')).toMatchObject({ exitCode: 0 })
    const paused = await tidewater('run', '--once')
    expect(paused.exitCode).toBe(1)
    expect(paused.stderr).toContain('paused')
    expect(await tidewater('resume', 'shop.orders', '--why', 'moved')).toMatchObject({ exitCode: 0 })
    expect(await tidewater('pause', 'shop.orders', '--partition', '0', '--why', 'a moment')).toMatchObject({
      exitCode: 0,
    })
    expect(await tidewater('resume', 'shop.orders', '--partition', '0', '--why', 'over')).toMatchObject({
      exitCode: 0,
    })
    expect(await tidewater('run', '--once')).toMatchObject({ exitCode: 0 })
    const { tables, events } = await statusOf()
    expect(tables[0]).toMatchObject({ rows: 30, skipped: 30, state: 'active' })
    const types = events.map((event: { type: string }) => event.type)
    for (const type of ['operator.skip_to', 'operator.pause', 'operator.resume'])
      expect(types).toContain(type)
    expect(await tidewater('audit')).toMatchObject({ exitCode: 0 })
  })
})

describe('tidewater run', () => {
  beforeEach(async () => {
    workspace = await createWorkspace()
    await workspace.write(
      'tidewater.yaml',
      ordersConfig({ table: '    commit_interval: 1s', top: 'limits: { poll_interval: 200ms }' }),
    )
  })
  afterEach(() => workspace.remove())

  test('takes what lands while it runs, and ends with 0 on SIGTERM', async () => {
    await workspace.tidewater(['land', 'orders'], orders(0, 30))
    const child = workspace.start(['run'])
    let stderr = ''
    child.stderr?.on('data', chunk => {
      stderr += String(chunk)
    })
    const closed = new Promise(resolve => child.once('close', resolve))
    const seen = async (what: RegExp) => {
      for (let waits = 0; waits < 600 && !what.test(stderr); waits++)
        await new Promise(resolve => setTimeout(resolve, 100))
      expect(stderr).toMatch(what)
    }
    await seen(/published snapshot/)
    await workspace.tidewater(['land', 'orders'], orders(30, 30))
    await seen(/published snapshot(.|\n)*published snapshot/)
    child.kill('SIGTERM')
    expect(await closed).toBe(0)
    expect(stderr).toContain('stopping')
    expect((await statusOf()).tables[0]).toMatchObject({ rows: 60 })
    expect(await tidewater('audit')).toMatchObject({ exitCode: 0 })
  })

  test('a changed declaration is refused with exit code 2; a removed table is left as it is', async () => {
    await workspace.tidewater(['land', 'orders'], orders(0, 30))
    expect(await tidewater('run', '--once')).toMatchObject({ exitCode: 0 })
    const changed = ordersConfig().replace('type: "decimal(12,2)"', 'type: double')
    await workspace.write('tidewater.yaml', changed)
    const refused = await tidewater('run', '--once')
    expect(refused).toMatchObject({ exitCode: 2 })
    expect(refused.stderr).toContain('restore the declaration')
    await workspace.write('tidewater.yaml', ordersConfig().replace('name: shop.orders', 'name: shop.others'))
    expect(await tidewater('run', '--once')).toMatchObject({ exitCode: 0 })
    const names = (await statusOf()).tables.map((table: { name: string; rows: number }) => [
      table.name,
      table.rows,
    ])
    expect(names).toEqual([
      ['shop.orders', 30],
      ['shop.others', 30],
    ])
  })

  test('an audit of a damaged table exits with 1 and says what is wrong', async () => {
    await workspace.tidewater(['land', 'orders'], orders(0, 30))
    await tidewater('run', '--once')
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(workspace.path('tidewater.db'))
    database.exec('delete from data_file where path = (select min(path) from data_file)')
    database.close()
    const { exitCode, stdout, stderr } = await tidewater('audit', '--json')
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout).tables[0]).toMatchObject({ rows: 20, gaps: 10 })
    expect(stderr).toBe('')
  })
})

describe('tidewater land', () => {
  beforeAll(async () => {
    workspace = await createWorkspace()
    await workspace.write('tidewater.yaml', ordersConfig())
  })
  afterAll(() => workspace.remove())

  test('goes on behind what is there, spreads by key, and lands anywhere with --to', async () => {
    const args = [
      'land',
      'orders',
      '--partitions',
      '4',
      '--key',
      'id',
      '--codec',
      'snappy',
      '--segment-bytes',
      '1KiB',
    ]
    expect(await workspace.tidewater(args, orders(0, 100))).toMatchObject({ exitCode: 0 })
    const again = await workspace.tidewater(args, orders(0, 100))
    expect(again.stdout).toMatch(/landed 100 records in \d+ segments/)
    expect(
      await workspace.tidewater(['land', 'others', '--to', 'file:./elsewhere'], orders(0, 3)),
    ).toMatchObject({
      exitCode: 0,
    })
    expect(
      await tidewater('segment', 'cat', 'elsewhere/others/0/segment-00000000000000000000.kfs'),
    ).toMatchObject({
      exitCode: 0,
    })
    expect(await workspace.tidewater(['land', 'orders', '--source', 'none'], '')).toMatchObject({
      exitCode: 2,
    })
    expect(await workspace.tidewater(['land', 'orders', '--segment-bytes', 'many'], '')).toMatchObject({
      exitCode: 2,
    })
    expect(await tidewater('run', '--once')).toMatchObject({ exitCode: 0 })
    expect((await statusOf()).tables[0]).toMatchObject({ rows: 200 })
  })
})
