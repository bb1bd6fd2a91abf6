import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { orders, ordersConfig } from './orders-config.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

let workspace: Workspace

beforeEach(async () => {
  workspace = await createWorkspace()
  await workspace.write('tidewater.yaml', ordersConfig())
})
afterEach(() => workspace.remove())

const auditOf = async () => {
  const { stdout, exitCode } = await workspace.tidewater(['audit', '--json'])
  return { exitCode, ...JSON.parse(stdout).tables[0] }
}

describe('tidewater run --once', () => {
  test('turns a landed topic into a published table, every record accounted for', async () => {
    const landed = await workspace.tidewater(
      ['land', 'orders', '--partitions', '3', '--segment-bytes', '2KiB'],
      `${orders(0, 500)}not json\n{"amount": 1}\n`,
    )
    expect(landed).toMatchObject({ exitCode: 0, stderr: '' })

    const run = await workspace.tidewater(['run', '--once'])
    expect(run).toMatchObject({ exitCode: 0 })
    expect(run.stderr).toContain('published snapshot')

    expect(await auditOf()).toMatchObject({
      exitCode: 0,
      rows: 500,
      dead_letters: 2,
      gaps: 0,
      duplicates: 0,
      source_gaps: 0,
      unverifiable: 0,
    })
    const status = JSON.parse((await workspace.tidewater(['status', '--json'])).stdout)
    expect(status.tables[0]).toMatchObject({
      rows: 500,
      dead_letters: 2,
      state: 'active',
      publications: [{ state: 'published', current: true }],
    })
  })
})
