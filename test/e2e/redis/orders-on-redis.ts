/** A workspace whose processes share the work on `orders` through Redis. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'
import { orders, ordersConfig } from '../orders-config.ts'
import { createWorkspace, type Workspace } from '../tidewater-cli.ts'

/** What `audit` says beside the rows where nothing is lost or doubled. */
export const CLEAN = { exitCode: 0, gaps: 0, duplicates: 0, source_gaps: 0, unverifiable: 0 }

export interface OrdersOnRedis extends AsyncDisposable {
  readonly workspace: Workspace
  /** Lands orders with ids from `from` on, in many small segments of four partitions. */
  land(from: number, count: number): Promise<void>
  /** The exit code and the facts of the table. */
  audit(): Promise<Readonly<Record<string, unknown>>>
  /** Two processes of `tidewater run`. */
  startTwo(): readonly RunningProcess[]
  /** Asks all processes to stop, and answers with their exit codes. */
  stopAll(): Promise<readonly unknown[]>
}

export interface RunningProcess {
  /** Both streams, so far. */
  output(): string
}

export async function createOrdersOnRedis(url: string): Promise<OrdersOnRedis> {
  const workspace = await createWorkspace({ REDIS_URL: url })
  await workspace.write(
    'tidewater.yaml',
    ordersConfig({
      top: `queue: "\${REDIS_URL}"\nlimits: { poll_interval: 100ms, claim_lease: 5s, workers: 2 }`,
      table: '    commit_interval: 1s\n    task_target_bytes: 64KiB',
    }),
  )
  const children: ChildProcess[] = []
  function start(): RunningProcess {
    const child = workspace.start(['run'])
    children.push(child)
    let output = ''
    const keep = (chunk: unknown) => {
      output += String(chunk)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    return { output: () => output }
  }
  return {
    workspace,
    async land(from, count) {
      const args = ['land', 'orders', '--key', 'id', '--partitions', '4', '--segment-bytes', '2KiB']
      expect(await workspace.tidewater(args, orders(from, count))).toMatchObject({ exitCode: 0 })
    },
    async audit() {
      const { stdout, exitCode } = await workspace.tidewater(['audit', '--json'])
      return { exitCode, ...JSON.parse(stdout).tables[0] }
    },
    startTwo: () => [start(), start()],
    async stopAll() {
      const ended = children.map(child => once(child, 'close'))
      for (const child of children) child.kill('SIGTERM')
      return (await Promise.all(ended)).map(([code]) => code)
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL')
      await workspace.remove()
    },
  }
}
