/** A topic of orders that grows while tests run, some of them broken, and what the tables and the dead-letter topic must hold of it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { landTopic } from '../../../services/landing/land.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { orders, ordersConfig } from '../orders-config.ts'
import { createWorkspace, type Workspace } from '../tidewater-cli.ts'

const PARTITIONS = 3
const ORDERS_AT_ONCE = 40
const BROKEN_AT_ONCE = 2

export interface GrowingOrders {
  readonly workspace: Workspace
  /** So far. Ids of rows are those below `rows`. */
  readonly landed: { readonly rows: number; readonly deadLetters: number }
  land(): Promise<void>
  /** Lands again and again while `during` is under way; answers what it answers. */
  landDuring<T>(during: Promise<T>): Promise<T>
}

/** A workspace whose configuration names the database of the server; `server` is the line of that name in tidewater.yaml. */
export async function createGrowingOrders(
  databaseUrl: string,
  options: { readonly server?: string } = {},
): Promise<GrowingOrders> {
  const workspace = await createWorkspace({ DATABASE_URL: databaseUrl })
  const config = ordersConfig({
    ...options,
    top: 'limits: { poll_interval: 100ms, poll_interval_max: 500ms, claim_lease: 5s, workers: 1 }',
    table: '    commit_interval: 500ms\n    dlq_max_ratio: 1',
  })
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference to a variable as users write it
  await workspace.write('tidewater.yaml', config.replace('sqlite:./tidewater.db', '${DATABASE_URL}'))
  const store = openObjectStore(workspace.path('segments'), { runtime: systemRuntime })
  const landed = { rows: 0, deadLetters: 0 }
  async function land(): Promise<void> {
    const lines = `${orders(landed.rows, ORDERS_AT_ONCE)}${'{"id": "none"}\n'.repeat(BROKEN_AT_ONCE)}`
    const shape = {
      topic: 'orders',
      partitions: PARTITIONS,
      keyPath: 'id',
      codec: 'zstd',
      segmentBytes: 4096,
    } as const
    async function* input() {
      yield Buffer.from(lines)
    }
    await landTopic({ store, ...shape, input: input(), runtime: systemRuntime })
    landed.rows += ORDERS_AT_ONCE
    landed.deadLetters += BROKEN_AT_ONCE
  }
  return {
    workspace,
    landed,
    land,
    async landDuring(during) {
      let isOver = false
      const over = during.finally(() => {
        isOver = true
      })
      // Whoever awaits the result sees the failure.
      over.catch(() => undefined)
      while (!isOver) {
        await land()
        await Promise.race([systemRuntime.sleep(400), over.catch(() => undefined)])
      }
      return over
    },
  }
}

export interface RunningProcess {
  readonly child: ChildProcess
  /** Its exit code. */
  readonly closed: Promise<unknown>
  /** Everything that it printed. */
  said(): string
}

/** `tidewater run`; whoever starts it ends it. */
export function startRunning(workspace: Workspace, args: readonly string[] = []): RunningProcess {
  const child = workspace.start(['run', ...args])
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', chunk => {
      said += String(chunk)
    })
  return { child, closed: once(child, 'close').then(([code]) => code), said: () => said }
}

export async function killAll(processes: readonly RunningProcess[]): Promise<void> {
  for (const { child } of processes) child.kill('SIGKILL')
  await Promise.all(processes.map(({ closed }) => closed))
}

/** What `audit --json` says of the one table, with its exit code. */
export async function auditOf(workspace: Workspace) {
  const { stdout, exitCode } = await workspace.tidewater(['audit', '--json'])
  return { exitCode, ...JSON.parse(stdout).tables[0] }
}

/** An audit that finds everything that was landed, each record once. */
export const accountedFor = ({ rows, deadLetters }: GrowingOrders['landed']) => ({
  exitCode: 0,
  rows,
  dead_letters: deadLetters,
  gaps: 0,
  duplicates: 0,
  source_gaps: 0,
  unverifiable: 0,
  topic_records: deadLetters,
  topic_gaps: 0,
  topic_duplicates: 0,
})
