/**
 * `tidewater run` is killed with SIGKILL at random moments, a hundred times, while segments keep arriving; then it runs to the end.
 * The audit must be clean, and PyIceberg must count what was landed, each record once. The seed of a failing run is in its name.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { landTopic } from '../../services/landing/land.ts'
import { openObjectStore } from '../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { createWorkspace, type Workspace } from '../e2e/tidewater-cli.ts'
import { createSeededRuntime } from '../fakes/seeded-runtime.ts'
import { type PyIcebergReader, startPyIceberg } from './readers/readers.ts'

const KILLS = 100
/** A start takes most of a second, so that some kills come before the first task and some in the middle of publishing. */
const MIN_LIFE_MS = 300
const MAX_LIFE_MS = 1_800
const SEED = Number(process.env.TIDEWATER_SEED ?? 20_261_121)

/** A task whose workers die five times in a row is parked by default; here that is nobody's fault but the test's. */
const CONFIG = `
warehouse: file:./warehouse
metadata: sqlite:./tidewater.db
sources:
  - { name: local, type: kfs, url: "file:./segments" }
catalogs:
  - { name: local, type: embedded }
tables:
  - name: kill.events
    source: local
    source_topic: events
    source_format: json
    schema:
      fields:
        - { name: id, type: long, required: true }
        - { name: kind, type: string }
    partition_by: [kind]
    catalogs: [local]
    commit_interval: 200ms
    task_target_bytes: 64KiB
    dlq_max_ratio: 1
server: { listen: none }
limits: { claim_lease: 5s, poll_interval: 50ms, poll_interval_max: 200ms, workers: 2, max_task_attempts: 100 }
`

interface Landed {
  rows: number
  deadLetters: number
}

/** Lands a few small segments at a time, one record in fifty of them broken, until stopped. */
async function landUntilStopped(workspace: Workspace, signal: AbortSignal): Promise<Landed> {
  const landed: Landed = { rows: 0, deadLetters: 0 }
  const store = openObjectStore(workspace.path('segments'), { runtime: systemRuntime })
  while (!signal.aborted) {
    const from = landed.rows + landed.deadLetters
    const lines = Array.from({ length: 400 }, (_, i) =>
      (from + i) % 50 === 7
        ? '{"id": "not a number"}'
        : JSON.stringify({ id: from + i, kind: `k${(from + i) % 3}` }),
    )
    async function* input() {
      yield Buffer.from(`${lines.join('\n')}\n`)
    }
    const { recordCount } = await landTopic({
      store,
      topic: 'events',
      partitions: 4,
      keyPath: 'id',
      codec: 'lz4',
      segmentBytes: 4096,
      input: input(),
      runtime: systemRuntime,
    })
    const broken = lines.filter(line => line.includes('not')).length
    landed.rows += recordCount - broken
    landed.deadLetters += broken
    await sleep(100)
  }
  return landed
}

/** Starts `run` and kills it, as often as told, or until stopped. */
async function runAndKill(workspace: Workspace, random: () => number, kills: number): Promise<void> {
  for (let i = 0; i < kills; i++) {
    const child = workspace.start(['run'])
    child.stdout?.resume()
    child.stderr?.resume()
    await sleep(MIN_LIFE_MS + random() * (MAX_LIFE_MS - MIN_LIFE_MS))
    expect(child.exitCode, 'run ends only by being killed').toBeNull()
    child.kill('SIGKILL')
    await once(child, 'close')
  }
}

async function expectEverythingOnce(
  workspace: Workspace,
  pyiceberg: PyIcebergReader,
  landed: Landed,
): Promise<void> {
  const last = await workspace.tidewater(['run', '--once'])
  expect(last.exitCode, last.stderr).toBe(0)
  const audit = await workspace.tidewater(['audit', '--json'])
  expect(audit.exitCode, audit.stdout).toBe(0)
  expect(JSON.parse(audit.stdout).tables).toMatchObject([
    {
      rows: landed.rows,
      dead_letters: landed.deadLetters,
      skipped: 0,
      absent: 0,
      gaps: 0,
      duplicates: 0,
      source_gaps: 0,
      unverifiable: 0,
    },
  ])
  const status = JSON.parse((await workspace.tidewater(['status', '--json'])).stdout)
  const [table] = status.tables
  const counts = [table.publications[0], table.dead_letter_publications[0]].map(
    async publication => (await pyiceberg.describe(publication.metadata_location)).rowCount,
  )
  expect(await Promise.all(counts)).toEqual([landed.rows, landed.deadLetters])
}

describe(`killed at random moments (TIDEWATER_SEED=${SEED})`, () => {
  let pyiceberg: PyIcebergReader
  beforeAll(async () => {
    pyiceberg = await startPyIceberg()
  })
  afterAll(() => pyiceberg?.close())

  async function withLanding(body: (workspace: Workspace) => Promise<void>): Promise<void> {
    const workspace = await createWorkspace()
    try {
      await workspace.write('tidewater.yaml', CONFIG)
      const stop = new AbortController()
      const landing = landUntilStopped(workspace, stop.signal)
      try {
        await body(workspace)
      } finally {
        stop.abort()
      }
      await expectEverythingOnce(workspace, pyiceberg, await landing)
    } finally {
      await workspace.remove()
    }
  }

  test(`one process, ${KILLS} times: nothing is lost and nothing is doubled`, async () => {
    const { random } = createSeededRuntime(SEED)
    await withLanding(workspace => runAndKill(workspace, random, KILLS))
  })

  test('two processes on one database, each killed ten times: nothing is lost and nothing is doubled', async () => {
    const { random } = createSeededRuntime(SEED + 1)
    await withLanding(async workspace => {
      await Promise.all([runAndKill(workspace, random, 10), runAndKill(workspace, random, 10)])
    })
  })
})
