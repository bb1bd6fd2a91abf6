/** Everything on S3: segments and warehouse in buckets of a real server, which goes away in the middle, or refuses the credentials. */
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { goldenConfig, goldenTopic, ORDERS, statusOf } from '../interop/golden-tables.ts'
import { startFaultProxy } from '../servers/fault-proxy.ts'
import { type S3Server, startS3Server } from '../servers/s3-server.ts'
import { landInBucket, SOURCE_BUCKET, s3Environment, s3Places, WAREHOUSE_BUCKET } from './golden-bucket.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

/** Far longer than anything here takes; a wait that ends with it is a hang. */
const PATIENCE_MS = 120_000
const OUTAGE_MS = 3_000
const LIMITS =
  'limits: { poll_interval: 200ms, poll_interval_max: 1s, workers: 2 }\nserver: { listen: "127.0.0.1:0" }\n'
/** Many small tasks, so that the outage finds some committed and some not. */
const SMALL_TASKS = `
    commit_interval: 1s
    task_target_bytes: 64KiB`

const topic = goldenTopic('orders')
const sentCount = topic.partitions.reduce((sum, { records }) => sum + records.length, 0)
const deadLetterCount = topic.broken?.length ?? 0
const ACCOUNTED = {
  rows: sentCount - deadLetterCount,
  dead_letters: deadLetterCount,
  skipped: 0,
  absent: 0,
  gaps: 0,
  duplicates: 0,
  source_gaps: 0,
  unverifiable: 0,
}

let server: S3Server
let workspace: Workspace
/** Everything that any process of the test wrote. */
let output: string

beforeEach(async () => {
  server = await startS3Server()
  await server.createBucket(SOURCE_BUCKET)
  await server.createBucket(WAREHOUSE_BUCKET)
  workspace = await createWorkspace(s3Environment(server))
  await workspace.write('tidewater.yaml', goldenConfig(ORDERS + SMALL_TASKS, s3Places(server)) + LIMITS)
  output = ''
})
afterEach(async () => {
  await server?.stop()
  await workspace?.remove()
})

async function tidewater(...args: string[]) {
  const result = await workspace.tidewater(args)
  output += result.stdout + result.stderr
  return result
}

async function expectCleanAudit(): Promise<void> {
  const { exitCode, stdout } = await tidewater('audit', '--json')
  expect(JSON.parse(stdout).tables).toMatchObject([ACCOUNTED])
  expect(exitCode).toBe(0)
}

/** Neither in what processes said nor in what they left beside the configuration: the database, its journal. */
async function expectSecretNowhere(secret: string, { folder, path }: Workspace): Promise<void> {
  expect(output).toContain('shop.orders')
  expect(output).not.toContain(secret)
  const names = await readdir(folder)
  expect(names).toContain('tidewater.db')
  for (const name of names) expect((await readFile(path(name))).includes(secret), name).toBe(false)
}

/** `tidewater run`, with what it says as it goes. */
function startRun() {
  const child = workspace.start(['run'])
  let said = ''
  const listen = (chunk: unknown) => {
    said += String(chunk)
    output += String(chunk)
  }
  child.stdout?.on('data', listen)
  child.stderr?.on('data', listen)
  return { child, said: () => said }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`still waiting until ${what}:\n${output.slice(-4_000)}`)
    await sleep(50)
  }
}

describe('with segments and warehouse on S3', () => {
  test('run --once makes the table, and audit finds each record once', async () => {
    await landInBucket(server, 'orders')
    const run = await tidewater('run', '--once')
    expect(run.exitCode, run.stderr).toBe(0)
    const { publications } = (await statusOf(workspace)).get('shop.orders') ?? { publications: [] }
    expect(publications).toMatchObject([
      {
        current: true,
        metadata_location: expect.stringMatching(/^s3:\/\/lake\/warehouse\/shop\/orders\/metadata\//),
      },
    ])
    await expectCleanAudit()
    expect((await tidewater('dlq', 'show', 'shop.orders')).exitCode).toBe(0)
    await expectSecretNowhere(server.secretAccessKey, workspace)
  })

  test('run --once over a line that refuses, breaks and loses answers makes the same table', async () => {
    const proxy = await startFaultProxy(server.endpoint)
    try {
      await landInBucket(server, 'orders')
      const places = s3Places({ ...server, endpoint: proxy.endpoint })
      await workspace.write('tidewater.yaml', goldenConfig(ORDERS + SMALL_TASKS, places) + LIMITS)
      const answer = { status: 503, code: 'SlowDown' }
      proxy.rain({
        seed: 42,
        rate: 0.1,
        faults: [
          { kind: 'answer', ...answer },
          { kind: 'cut-before' },
          { kind: 'cut-after' },
          { kind: 'answer-after', ...answer },
          { kind: 'cut-body', share: 0.5 },
          { kind: 'garble-request' },
        ],
      })
      const run = await tidewater('run', '--once')
      expect(run.exitCode, run.stderr).toBe(0)
      expect(proxy.struck()).toBeGreaterThan(10)
      proxy.calm()
      await expectCleanAudit()
      await expectSecretNowhere(server.secretAccessKey, workspace)
    } finally {
      await proxy.stop()
    }
  })

  test('run lives through an outage of the server by itself, and nothing is lost', async () => {
    await landInBucket(server, 'orders', ({ position }) => position < 7)
    const { child, said } = startRun()
    try {
      await until('something is committed', () => said().includes('committed'))
      await server.interrupt()
      await until('it says that the server is away', () =>
        said().includes(`Is a server running at ${server.endpoint}?`),
      )
      await sleep(OUTAGE_MS)
      expect(child.exitCode, output).toBeNull()
      await server.resume()
      await landInBucket(server, 'orders', ({ position }) => position >= 7)
      await until('all that landed is published', async () => {
        const table = (await statusOf(workspace)).get('shop.orders')
        return table?.rows === ACCOUNTED.rows && table.publications[0].current
      })
    } finally {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'close')
    }
    expect(child.exitCode).toBe(0)
    await expectCleanAudit()
    await expectSecretNowhere(server.secretAccessKey, workspace)
  })

  test('refused credentials end run --once with a message that says so, and show nothing secret', async () => {
    await landInBucket(server, 'orders', ({ position }) => position < 1)
    const wrong = 'a-secret-that-nobody-gave-out'
    const other = await createWorkspace({ ...s3Environment(server), TEST_S3_SECRET: wrong })
    try {
      await other.write('tidewater.yaml', goldenConfig(ORDERS, s3Places(server)) + LIMITS)
      const result = await other.tidewater(['run', '--once'])
      output += result.stdout + result.stderr
      expect(result.exitCode).toBe(1)
      expect(result.stderr).toMatch(/credentials/i)
      expect(result.stderr).toContain(SOURCE_BUCKET)
      expect(result.stderr).not.toMatch(/\n\s+at /)
      await expectSecretNowhere(wrong, other)
    } finally {
      await other.remove()
    }
  })
})
