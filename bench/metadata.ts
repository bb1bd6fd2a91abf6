/**
 * Commits per second into the virtual metadata, every commit on the disk before it answers: a SQLite file, and PostgreSQL on this
 * machine (started for the bench) with one committer and with sixteen, on one table and on as many tables.
 * A commit is what a converter sends: one slice, N files of 300 bytes of encoded statistics each, the watermark moved.
 * Planning and claiming go before and are timed apart. Disks differ far more than processors; run it where the database will live.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskSlice } from '../shared/flow.ts'
import type { MetadataStore, NewTable, TaskCommit } from '../shared/metadata/metadata-store.ts'
import { openPostgresMetadataStore } from '../shared/metadata/postgres/store.ts'
import { openSqliteMetadataStore } from '../shared/metadata/sqlite/store.ts'
import { startPostgres } from '../test/servers/postgres.ts'

const ENCODED_BYTES = 300
const LEASE_MS = 600_000
const MANY = 16
const TOPIC = 'orders'

export interface MetadataFigures {
  readonly database: 'sqlite' | 'postgres'
  readonly files_per_commit: number
  /** At once, all in this process. */
  readonly committers: number
  readonly tables: number
  readonly commits: number
  readonly commits_per_s: number
  readonly p99_commit_ms: number
  /** Planning and claiming together. */
  readonly plans_and_claims_per_s: number
}

export interface MetadataBenchOptions {
  readonly filesPerCommit?: readonly number[]
  /** Files written in all for each figure; fewer commits when each has more of them. */
  readonly totalFiles?: number
  /** Where SQLite's file is made; the system's temporary folder by default, where PostgreSQL's always are. */
  readonly folder?: string
}

interface Run {
  readonly database: MetadataFigures['database']
  readonly files: number
  readonly committers: number
  readonly tables: number
  readonly commits: number
}

export async function benchMetadata(options: MetadataBenchOptions = {}): Promise<readonly MetadataFigures[]> {
  const { filesPerCommit = [1, 10, 100], totalFiles = 10_000, folder = tmpdir() } = options
  const commitsOf = (files: number) => Math.min(3000, Math.max(48, Math.floor(totalFiles / files)))
  const figures: MetadataFigures[] = []
  for (const files of filesPerCommit) {
    const run: Run = { database: 'sqlite', files, committers: 1, tables: 1, commits: commitsOf(files) }
    figures.push(await benchSqlite(run, folder))
  }
  const server = await startPostgres({ fsync: true })
  try {
    for (const files of filesPerCommit) {
      for (const [committers, tables] of [
        [1, 1],
        [MANY, 1],
        [MANY, MANY],
      ] as const) {
        const address = server.address(`bench_${files}_${committers}_${tables}`)
        const store = openPostgresMetadataStore({ address, maxConnections: committers })
        const commits = commitsOf(files)
        figures.push(await benchCommits(store, { database: 'postgres', files, committers, tables, commits }))
      }
    }
  } finally {
    await server.remove()
  }
  return figures
}

async function benchSqlite(run: Run, parent: string): Promise<MetadataFigures> {
  const folder = await mkdtemp(join(parent, 'tidewater-bench-'))
  try {
    return await benchCommits(openSqliteMetadataStore({ path: join(folder, 'tidewater.db') }), run)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Each committer has a partition of its own, so that none waits for another's watermark. */
async function benchCommits(store: MetadataStore, run: Run): Promise<MetadataFigures> {
  const { committers, tables, files, commits } = run
  const each = Math.floor(commits / committers)
  const place = (committer: number) => ({
    tableId: `bench-${committer % tables}`,
    partition: Math.floor(committer / tables),
  })
  const all = async (work: (committer: number, i: number) => Promise<void>) => {
    const begin = performance.now()
    await Promise.all(
      Array.from({ length: committers }, async (_, committer) => {
        for (let i = 0; i < each; i++) await work(committer, i)
      }),
    )
    return performance.now() - begin
  }
  try {
    await store.migrate()
    for (let table = 0; table < tables; table++) await store.createTable(newTable(`bench-${table}`))
    for (let committer = 0; committer < committers; committer++)
      await store.registerPartition({ ...place(committer), topic: TOPIC, incarnation: 0, firstOffset: 0n })

    const planningMs = await all((committer, i) =>
      planAndClaim(store, place(committer), { committer, i, files }),
    )
    const durationsMs: number[] = []
    const committingMs = await all(async (committer, i) => {
      const commit = commitOf(place(committer), { committer, i, files })
      const begin = performance.now()
      const outcome = await store.commitTask(commit)
      durationsMs.push(performance.now() - begin)
      if (outcome.kind !== 'committed') throw new Error(`commit ${i} of ${committer} was ${outcome.kind}`)
    })
    durationsMs.sort((a, b) => a - b)
    const count = durationsMs.length
    return {
      database: run.database,
      files_per_commit: files,
      committers,
      tables,
      commits: count,
      commits_per_s: Math.round((count / committingMs) * 1000),
      p99_commit_ms: Number((durationsMs[Math.floor(count * 0.99)] ?? 0).toFixed(2)),
      plans_and_claims_per_s: Math.round((count / planningMs) * 1000),
    }
  } finally {
    await store.close()
  }
}

interface Place {
  readonly tableId: string
  readonly partition: number
}
interface Nth {
  readonly committer: number
  readonly i: number
  readonly files: number
}

function newTable(tableId: string): NewTable {
  return {
    tableId,
    name: `bench.${tableId}`,
    location: `s3://lake/bench/${tableId}`,
    schema: { schemaId: 0, fields: [{ id: 1, name: 'id', required: true, type: { kind: 'long' } }] },
    spec: { specId: 0, fields: [] },
    lastColumnId: 1,
    lastPartitionId: 999,
    properties: {},
    declaration: '{}',
  }
}

async function planAndClaim(store: MetadataStore, place: Place, nth: Nth): Promise<void> {
  const taskId = taskIdOf(nth)
  const { tableId } = place
  await store.planTask({ taskId, tableId, schemaId: 0, specId: 0, slices: [sliceOf(place, nth)] })
  await store.claimTask(taskId, { token: `token-${taskId}`, leaseMs: LEASE_MS, worker: 'bench' })
}

const taskIdOf = ({ committer, i }: Nth) => `task-${committer}-${i}`

/** A thousand rows for each file. */
function sliceOf({ partition }: Place, { i, files }: Nth): TaskSlice {
  const rows = BigInt(files) * 1000n
  const startOffset = BigInt(i) * rows
  return {
    topic: TOPIC,
    partition,
    incarnation: 0,
    startOffset,
    endOffset: startOffset + rows,
    segments: [
      {
        topic: TOPIC,
        partition,
        key: `${TOPIC}/${partition}/segment-${startOffset.toString().padStart(20, '0')}.kfs`,
        baseOffset: startOffset,
        sizeBytes: 1 << 20,
        etag: '"0123456789abcdef"',
      },
    ],
  }
}

function commitOf(place: Place, nth: Nth): TaskCommit {
  const slice = sliceOf(place, nth)
  const taskId = taskIdOf(nth)
  return {
    claim: { taskId, token: `token-${taskId}` },
    files: Array.from({ length: nth.files }, (_, file) => ({
      target: 'rows' as const,
      path: `s3://lake/bench/${place.tableId}/data/${taskId}-token-${taskId}-${file}.parquet`,
      specId: 0,
      partition: [],
      recordCount: 1000n,
      fileSizeBytes: 100_000n,
      encoded: new Uint8Array(ENCODED_BYTES).fill(file),
    })),
    accounts: [
      {
        ...slice,
        rowCount: slice.endOffset - slice.startOffset,
        deadLetterCount: 0n,
        ranges: [],
        maxTimestampMs: 1_700_000_000_000 + nth.i,
      },
    ],
    deadLetters: [],
  }
}

if (import.meta.main) console.log(JSON.stringify(await benchMetadata(), undefined, 2))
