/** The topic of dead letters as Tidewater's own users meet it: read back by Tidewater, at its usual place and at another. */
import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ordersConfig } from './orders-config.ts'
import { createWorkspace, type Workspace } from './tidewater-cli.ts'

let workspace: Workspace
beforeEach(async () => {
  workspace = await createWorkspace()
})
afterEach(() => workspace.remove())

const segment = (topics: string, offset = 0) =>
  `${topics}/shop.orders.dlq/0/segment-${String(offset).padStart(20, '0')}.kfs`

/** A configuration of its own, as another team would have it: the folder of the topics is its source. */
const readerConfig = (topics: string) => `
warehouse: file:./read-back
metadata: sqlite:./read-back.db
server: { listen: none }
sources:
  - { name: topics, type: kfs, url: "file:./${topics}" }
tables:
  - { name: ops.failed, source: topics, source_topic: shop.orders.dlq, source_format: raw, schema: { fields: [ { name: key, type: string }, { name: value, type: string } ] } }
`

async function audited(config: string) {
  const { stdout, exitCode } = await workspace.tidewater(['audit', '--json', '--config', config])
  return { exitCode, ...JSON.parse(stdout).tables[0] }
}

test.each([
  ['below the warehouse', '', 'warehouse/_topics'],
  ['where dlq_url says', '    dlq_url: file:./letters', 'letters'],
])('Tidewater reads dead letters back as a topic %s', async (_name, table, topics) => {
  await workspace.write('tidewater.yaml', ordersConfig({ table: `${table}\n    dlq_max_ratio: 1` }))
  await workspace.write('reader.yaml', readerConfig(topics))
  const land = (text: string) => workspace.tidewater(['land', 'orders', '--key', 'id'], text)
  await land('{"id": "a", "amount": 1}\n{"id": 1}\n{"id": "b"}\n')
  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  await land('{"id": "c"}\n')
  const second = await workspace.tidewater(['run', '--once'])
  expect(second).toMatchObject({ exitCode: 0 })
  expect(second.stderr).toContain('shop.orders: wrote dead letters 2 to 2 of shop.orders.dlq to file:')
  expect(await audited('tidewater.yaml')).toMatchObject({ exitCode: 0, dead_letters: 3, topic_records: 3 })

  expect(await workspace.tidewater(['run', '--once', '--config', 'reader.yaml'])).toMatchObject({
    exitCode: 0,
  })
  expect(await audited('reader.yaml')).toMatchObject({
    exitCode: 0,
    rows: 3,
    dead_letters: 0,
    gaps: 0,
    duplicates: 0,
  })
  const { stdout } = await workspace.tidewater(['segment', 'cat', segment(topics)])
  expect(
    stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .map(({ offset, key, value }) => ({ offset, key, value })),
  ).toEqual([
    { offset: 0, key: 'a', value: '{"id": "a", "amount": 1}' },
    { offset: 1, key: 'b', value: '{"id": "b"}' },
  ])
})

test('a batch run is not done while another program’s object stands in the way', async () => {
  await workspace.write('tidewater.yaml', ordersConfig({ table: '    dlq_max_ratio: 1' }))
  await workspace.tidewater(['land', 'orders'], 'not json\n')
  expect(await workspace.tidewater(['run', '--once'])).toMatchObject({ exitCode: 0 })
  await workspace.tidewater(['land', 'orders'], 'nor this\n')
  await writeFile(workspace.path(segment('warehouse/_topics', 1)), 'theirs')
  const run = await workspace.tidewater(['run', '--once'])
  expect(run.exitCode).toBe(1)
  expect(run.stderr).toMatch(
    /not done: shop\.orders: dead-letter topic: Writing file:.*another content stands there/,
  )
  const { tables, events } = JSON.parse((await workspace.tidewater(['status', '--json'])).stdout)
  expect(tables[0]).toMatchObject({
    dead_letters: 2,
    dead_letter_topic: { end_offset: 2, rendered_offset: 1, error_code: 'dead-letter-topic-differs' },
  })
  expect(events[0]).toMatchObject({ type: 'dlq.topic_stopped', topic: 'shop.orders.dlq' })
})

test('a topic that has segments stays where it is', async () => {
  await workspace.write('tidewater.yaml', ordersConfig({ table: '    dlq_max_ratio: 1' }))
  await workspace.tidewater(['land', 'orders'], 'not json\n')
  await workspace.tidewater(['run', '--once'])
  await workspace.write(
    'tidewater.yaml',
    ordersConfig({ table: '    dlq_max_ratio: 1\n    dlq_url: file:./letters' }),
  )
  const run = await workspace.tidewater(['run', '--once'])
  expect(run.exitCode).toBe(2)
  expect(run.stderr).toMatch(/its dead-letter topic has segments at file:.*_topics.*says file:.*letters/)
})
