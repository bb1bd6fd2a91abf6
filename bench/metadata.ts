/**
 * Commits per second into the virtual metadata: one committer, a SQLite file, every commit on the disk before it answers.
 * A commit is what a converter sends: one slice, N files of 300 bytes of encoded statistics each, the watermark moved.
 * Planning and claiming go before and are timed apart. Disks differ far more than processors; run it where the database will live.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskSlice } from '../shared/flow.ts'
import type { MetadataStore, NewTable, TaskCommit } from '../shared/metadata/metadata-store.ts'
import { openSqliteMetadataStore } from '../shared/metadata/sqlite/store.ts'

const TABLE_ID = 'bench'
const ENCODED_BYTES = 300
const LEASE_MS = 600_000

export interface MetadataFigures {
  readonly files_per_commit: number
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
  /** Where the database file is made; the system's temporary folder by default. */
  readonly folder?: string
}

export async function benchMetadata(options: MetadataBenchOptions = {}): Promise<readonly MetadataFigures[]> {
  const { filesPerCommit = [1, 10, 100], totalFiles = 10_000, folder = tmpdir() } = options
  const figures: MetadataFigures[] = []
  for (const files of filesPerCommit) {
    const commits = Math.min(3000, Math.max(50, Math.floor(totalFiles / files)))
    figures.push(await benchCommits({ files, commits, folder }))
  }
  return figures
}

async function benchCommits(run: {
  readonly files: number
  readonly commits: number
  readonly folder: string
}): Promise<MetadataFigures> {
  const folder = await mkdtemp(join(run.folder, 'tidewater-bench-'))
  const store = openSqliteMetadataStore({ path: join(folder, 'tidewater.db') })
  try {
    await store.migrate()
    await store.createTable(newTable())
    await store.registerPartition({ ...PARTITION, incarnation: 0, firstOffset: 0n })
    const planning = performance.now()
    for (let i = 0; i < run.commits; i++) await planAndClaim(store, i, run.files)
    const planningMs = performance.now() - planning

    const durationsMs: number[] = []
    const committing = performance.now()
    for (let i = 0; i < run.commits; i++) {
      const commit = commitOf(i, run.files)
      const begin = performance.now()
      const outcome = await store.commitTask(commit)
      durationsMs.push(performance.now() - begin)
      if (outcome.kind !== 'committed') throw new Error(`commit ${i} was ${outcome.kind}`)
    }
    const committingMs = performance.now() - committing
    durationsMs.sort((a, b) => a - b)
    return {
      files_per_commit: run.files,
      commits: run.commits,
      commits_per_s: Math.round((run.commits / committingMs) * 1000),
      p99_commit_ms: Number((durationsMs[Math.floor(run.commits * 0.99)] ?? 0).toFixed(2)),
      plans_and_claims_per_s: Math.round((run.commits / planningMs) * 1000),
    }
  } finally {
    await store.close()
    await rm(folder, { recursive: true })
  }
}

const PARTITION = { tableId: TABLE_ID, topic: 'orders', partition: 0 }

function newTable(): NewTable {
  return {
    tableId: TABLE_ID,
    name: 'bench.orders',
    location: 's3://lake/bench/orders',
    schema: { schemaId: 0, fields: [{ id: 1, name: 'id', required: true, type: { kind: 'long' } }] },
    spec: { specId: 0, fields: [] },
    lastColumnId: 1,
    lastPartitionId: 999,
    properties: {},
    declaration: '{}',
  }
}

async function planAndClaim(store: MetadataStore, i: number, files: number): Promise<void> {
  const slice = sliceOf(i, files)
  await store.planTask({ taskId: `task-${i}`, tableId: TABLE_ID, schemaId: 0, specId: 0, slices: [slice] })
  await store.claimTask(`task-${i}`, { token: `token-${i}`, leaseMs: LEASE_MS, worker: 'bench' })
}

/** A thousand rows for each file. */
function sliceOf(i: number, files: number): TaskSlice {
  const rows = BigInt(files) * 1000n
  const startOffset = BigInt(i) * rows
  return {
    topic: 'orders',
    partition: 0,
    incarnation: 0,
    startOffset,
    endOffset: startOffset + rows,
    segments: [
      {
        topic: 'orders',
        partition: 0,
        key: `orders/0/segment-${startOffset.toString().padStart(20, '0')}.kfs`,
        baseOffset: startOffset,
        sizeBytes: 1 << 20,
        etag: '"0123456789abcdef"',
      },
    ],
  }
}

function commitOf(i: number, files: number): TaskCommit {
  const slice = sliceOf(i, files)
  return {
    claim: { taskId: `task-${i}`, token: `token-${i}` },
    files: Array.from({ length: files }, (_, file) => ({
      target: 'rows' as const,
      path: `s3://lake/bench/orders/data/${i.toString().padStart(8, '0')}-token-${i}-${file}.parquet`,
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
        maxTimestampMs: 1_700_000_000_000 + i,
      },
    ],
    deadLetters: [],
  }
}

if (import.meta.main) console.log(JSON.stringify(await benchMetadata(), undefined, 2))
