import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

const CONFIG = `
warehouse: file:./warehouse
metadata: sqlite:./tidewater.db
sources:
  - { name: local, type: kfs, url: "file:./segments" }
catalogs:
  - { name: local, type: embedded }
tables:
  - name: shop.orders
    source: local
    source_topic: orders
    source_format: json
    schema:
      fields:
        - { name: id, type: long, required: true }
        - { name: amount, type: "decimal(12,2)" }
        - { name: at, type: timestamptz }
    partition_by: ["day(at)"]
    catalogs: [local]
`

const order = (id: number) => JSON.stringify({ id, amount: id / 4, at: `2026-01-0${(id % 3) + 1}T10:00:00Z` })
const orders = (from: number, count: number) =>
  `${Array.from({ length: count }, (_, i) => order(from + i)).join('\n')}\n`

let workspace: Workspace

beforeEach(async () => {
  workspace = await createWorkspace()
  await workspace.write('tidewater.yaml', CONFIG)
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
