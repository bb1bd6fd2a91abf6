/**
 * What publishing one commit costs, for each kind of catalog: requests to its server, and time; with a short history and with the longest
 * that a table has unless told otherwise. Histories stay as long as they are while commits are measured: each lets the oldest snapshot
 * expire. The catalogs take turns, commit by commit, so that what else the machine does weighs on all of them.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BenchedCatalog, startCatalogs } from './publishing/catalogs.ts'
import {
  type Cost,
  type Look,
  openPublishedTable,
  type PublishedTable,
} from './publishing/published-table.ts'

export interface PublishingFigures extends Pick<BenchedCatalog, 'catalog' | 'server' | 'store'> {
  /** That the table's metadata holds. */
  readonly snapshots: number
  /** Of these, those that the catalog answers with. */
  readonly snapshots_shown: number
  /** Of what the catalog answers with, which is read before each commit. */
  readonly metadata_bytes: number
  readonly commits: number
  /** To the catalog's server, when a process publishes its first table: its configuration, the namespace, the table. */
  readonly requests_to_create: number
  readonly requests_per_commit: number
  /** Of a round that finds nothing new. */
  readonly requests_at_rest: number
  /** On the warehouse, those of the snapshot's own files included. */
  readonly store_operations_per_commit: number
  /** The catalog's share of a round. */
  readonly p50_ms: number
  readonly p99_ms: number
  /** A whole round, in which the snapshot is cut too. */
  readonly round_p50_ms: number
  /** Of `p50_ms`, to the embedded catalog with the same store and history. */
  readonly ratio_to_embedded: number
  /** Of `p50_ms`, to the same catalog with the shortest history. */
  readonly ratio_to_shortest: number
}

export interface PublishingOptions {
  /** Few commits and short histories: to see that it works, not how fast. */
  readonly quick?: boolean
  readonly progress?: (line: string) => void
}

const FULL = { histories: [10, 200], commits: 100 }
const QUICK = { histories: [2, 4], commits: 3 }

export async function benchPublishing({
  quick = false,
  progress = () => undefined,
}: PublishingOptions = {}): Promise<readonly PublishingFigures[]> {
  const { histories, commits } = quick ? QUICK : FULL
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-bench-'))
  const tables: PublishedTable[] = []
  const servers = await startCatalogs()
  try {
    const { environment } = servers
    for (const benched of servers.catalogs)
      for (const history of histories) {
        const own = join(folder, `${tables.length}`)
        tables.push(await openPublishedTable({ benched, history, folder: own, environment }))
      }
    progress('publishing: making the histories')
    const creations = await inTurns(tables, () => 1)
    await inTurns(tables, ({ history }) => history - 1)
    progress(`publishing: ${commits} commits to each of ${tables.length} tables`)
    const measured = await inTurns(tables, () => commits)
    const figures: PublishingFigures[] = []
    for (const table of tables) {
      const [creation] = creations.get(table) ?? []
      const costs = { creation, commits: measured.get(table) ?? [], atRest: await table.publishNothing() }
      figures.push(figureOf(table, { ...costs, look: await table.look() }, figures))
      progress(`publishing: ${JSON.stringify(figures.at(-1))}`)
    }
    return figures
  } finally {
    for (const table of tables) await table.close()
    await servers.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

type Costs = ReadonlyMap<PublishedTable, readonly Cost[]>

/** So many commits to each table, one at a time. */
async function inTurns(
  tables: readonly PublishedTable[],
  commitsOf: (table: PublishedTable) => number,
): Promise<Costs> {
  const costs = new Map<PublishedTable, Cost[]>(tables.map(table => [table, []]))
  for (let turn = 0, left = tables; left.length > 0; turn++) {
    left = tables.filter(table => turn < commitsOf(table))
    for (const table of left) costs.get(table)?.push(await table.publishCommit())
  }
  return costs
}

interface Measured {
  readonly creation: Cost | undefined
  readonly commits: readonly Cost[]
  readonly atRest: Cost
  readonly look: Look
}

function figureOf(
  { benched, history }: PublishedTable,
  { creation, commits, atRest, look }: Measured,
  earlier: readonly PublishingFigures[],
): PublishingFigures {
  if (look.kept !== history)
    throw new Error(`The table was to keep ${history} snapshots and keeps ${look.kept}`)
  const { catalog, server, store } = benched
  const p50 = timeAt(0.5, commits, 'catalogMs')
  const embedded = earlier.find(
    one => one.catalog === 'embedded' && one.store === store && one.snapshots === history,
  )
  const shortest = earlier.find(one => one.server === server && one.store === store)
  return {
    catalog,
    server,
    store,
    snapshots: history,
    snapshots_shown: look.shown,
    metadata_bytes: look.metadataBytes,
    commits: commits.length,
    requests_to_create: creation?.requests ?? 0,
    requests_per_commit: rounded(mean(commits.map(({ requests }) => requests))),
    requests_at_rest: atRest.requests,
    store_operations_per_commit: rounded(mean(commits.map(({ storeOperations }) => storeOperations))),
    p50_ms: rounded(p50),
    p99_ms: rounded(timeAt(0.99, commits, 'catalogMs')),
    round_p50_ms: rounded(timeAt(0.5, commits, 'roundMs')),
    ratio_to_embedded: rounded(p50 / (embedded?.p50_ms ?? p50)),
    ratio_to_shortest: rounded(p50 / (shortest?.p50_ms ?? p50)),
  }
}

function timeAt(share: number, costs: readonly Cost[], part: 'catalogMs' | 'roundMs'): number {
  const ascending = costs.map(cost => cost[part]).sort((a, b) => a - b)
  return ascending[Math.ceil(ascending.length * share) - 1] ?? 0
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function rounded(value: number): number {
  return Number(value.toFixed(2))
}
