import { afterEach, beforeEach, expect, test } from 'vitest'
import { purgeNow, purgeUntilStopped } from '../../../services/dead-letter/dead-letter-retention.ts'
import { readDeadLetters } from '../../../services/dead-letter/read-dead-letters.ts'
import { topicPlaceOf } from '../../../services/dead-letter/topic-place.ts'
import { writeTopic } from '../../../services/dead-letter/write-topic.ts'
import { createTableSet } from '../../../services/tables/table-set.ts'
import { readManifest } from '../../../shared/iceberg/manifest.ts'
import { readManifestList } from '../../../shared/iceberg/manifest-list.ts'
import { parseTableMetadata } from '../../../shared/iceberg/table-metadata-json.ts'
import { locationToKey } from '../../../shared/object-store/locations.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TOPIC } from '../../fakes/pipeline-fixture.ts'

const HOUR_MS = 3_600_000

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline({ table: { dlq_retention: '1h' } })
})
afterEach(() => pipeline.close())

async function landLetter(base: number): Promise<void> {
  await land(pipeline.source, [...ids(base, 4), 'not json'], { base })
  await pipeline.settle()
}

async function offsetsOfLetters(): Promise<unknown[]> {
  const { deadLetters } = await pipeline.declare()
  const offsets: unknown[] = []
  for await (const { offset } of readDeadLetters(pipeline, deadLetters)) offsets.push(offset)
  return offsets
}

test('dead letters leave their table once they are older than dlq_retention, and the table says so in a delete snapshot', async () => {
  await landLetter(0)
  await pipeline.publish()
  pipeline.runtime.advance(HOUR_MS)
  await landLetter(5)
  await purgeNow(pipeline.parts, await pipeline.declare())
  expect(await offsetsOfLetters()).toEqual([4n, 9n])
  pipeline.runtime.advance(1)
  await purgeNow(pipeline.parts, await pipeline.declare())
  expect(await offsetsOfLetters()).toEqual([9n])

  // The append of before comes first, because a snapshot has one operation.
  await pipeline.publish()
  const { tableId } = (await pipeline.declare()).deadLetters
  const snapshots = await pipeline.metadata.listSnapshots(tableId)
  expect(snapshots.map(({ operation }) => operation)).toEqual(['append', 'append', 'delete'])
  expect(snapshots.at(-1)?.summary).toMatchObject({
    'deleted-data-files': '1',
    'deleted-records': '1',
    'total-records': '1',
    'total-data-files': '1',
  })
  expect(snapshots.map(({ summary }) => 'tidewater.offsets' in summary)).toEqual([true, false, true])
  expect(await entriesOfCurrent(tableId)).toEqual(['added', 'deleted'])
  expect(await pipeline.audit()).toMatchObject({ dead_letters: 1n, purged: 1n, gaps: 0n, duplicates: 0n })

  // Retention and appends go on from there.
  await landLetter(10)
  await pipeline.publish()
  expect(await entriesOfCurrent(tableId)).toEqual(['added', 'added'])
})

test('a manifest of several files keeps those that are not old', async () => {
  await landLetter(0)
  pipeline.runtime.advance(HOUR_MS + 1)
  await landLetter(5)
  await pipeline.publish()
  await purgeNow(pipeline.parts, await pipeline.declare())
  await pipeline.publish()
  expect(await entriesOfCurrent((await pipeline.declare()).deadLetters.tableId)).toEqual([
    'deleted',
    'existing',
  ])
})

test('a file that came and went between two publications is added by one snapshot and removed by the next', async () => {
  await landLetter(0)
  pipeline.runtime.advance(HOUR_MS + 1)
  await purgeNow(pipeline.parts, await pipeline.declare())
  await pipeline.publish()
  const { tableId } = (await pipeline.declare()).deadLetters
  const snapshots = await pipeline.metadata.listSnapshots(tableId)
  expect(snapshots.map(({ summary }) => summary['total-records'])).toEqual(['1', '0'])
})

test('a crash between the snapshots of a round is made good by the next one', async () => {
  await landLetter(0)
  pipeline.runtime.advance(HOUR_MS + 1)
  await purgeNow(pipeline.parts, await pipeline.declare())
  const { tableId } = (await pipeline.declare()).deadLetters
  let puts = 0
  pipeline.warehouse.before = (operation, key) => {
    if (operation === 'put' && key.includes('orders__dlq/metadata') && ++puts === 3) throw new Error('crash')
  }
  await expect(pipeline.publish()).rejects.toThrow('crash')
  pipeline.warehouse.before = undefined
  await pipeline.publish()
  const snapshots = await pipeline.metadata.listSnapshots(tableId)
  expect(snapshots.map(({ operation }) => operation)).toEqual(['append', 'delete'])
  expect(await entriesOfCurrent(tableId)).toEqual(['deleted'])
})

test('segments of the topic that were rendered longer ago are deleted, whatever a crash left', async () => {
  await landLetter(0)
  await pipeline.render()
  pipeline.runtime.advance(HOUR_MS)
  await landLetter(5)
  await pipeline.render()
  pipeline.runtime.advance(1)
  expect(await topicKeys()).toHaveLength(4)
  pipeline.warehouse.after = operation => {
    if (operation === 'delete') throw new Error('crash')
  }
  await expect(purgeNow(pipeline.parts, await pipeline.declare())).rejects.toThrow('crash')
  pipeline.warehouse.after = undefined
  // The index goes first: what is left is no segment to any reader.
  expect(await topicKeys()).toEqual([
    'segment-00000000000000000000.kfs',
    'segment-00000000000000000001.index',
    'segment-00000000000000000001.kfs',
  ])
  expect(await pipeline.audit()).toMatchObject({ topic_gaps: 0n, topic_duplicates: 0n })
  await purgeNow(pipeline.parts, await pipeline.declare())
  expect(await topicKeys()).toEqual([
    'segment-00000000000000000001.index',
    'segment-00000000000000000001.kfs',
  ])
  expect(await pipeline.audit()).toMatchObject({
    dead_letters: 1n,
    purged: 1n,
    topic_records: 1n,
    topic_gaps: 0n,
    topic_duplicates: 0n,
    findings: [],
  })

  // The topic goes on where it was.
  await landLetter(10)
  await pipeline.render()
  expect(await topicKeys()).toContain('segment-00000000000000000002.kfs')
  pipeline.runtime.advance(2 * HOUR_MS)
  await purgeNow(pipeline.parts, await pipeline.declare())
  expect(await topicKeys()).toEqual([])
  expect(await pipeline.audit()).toMatchObject({ purged: 3n, topic_gaps: 0n, gaps: 0n, findings: [] })
})

test('a renderer that stood still while its segment was written by another and expired leaves nothing of it', async () => {
  await landLetter(0)
  const { deadLetters, config } = await pipeline.declare()
  const { metadata, parts, runtime } = pipeline
  const before = await metadata.loadDeadLetterTopic(deadLetters.tableId)
  if (before === undefined) throw new Error('the topic is declared')
  let isAsleep = true
  const zombie = {
    ...metadata,
    async planDeadLetterSegment(...range: Parameters<typeof metadata.planDeadLetterSegment>) {
      const planned = await metadata.planDeadLetterSegment(...range)
      if (isAsleep) {
        isAsleep = false
        await pipeline.render()
        runtime.advance(HOUR_MS + 1)
        await purgeNow(parts, await pipeline.declare())
        expect(await topicKeys()).toEqual([])
      }
      return planned
    },
  }
  const writing = writeTopic({ ...parts, metadata: zombie }, before, topicPlaceOf(parts, config)).next()
  await expect(writing).rejects.toMatchObject({ code: 'dead-letter-topic-overtaken', next: 'retry' })
  expect(await topicKeys()).toEqual([])
  expect(await pipeline.audit()).toMatchObject({ purged: 1n, topic_gaps: 0n, findings: [] })
})

test('a store that does not answer is a reason not to be done, and the table is purged all the same', async () => {
  await landLetter(0)
  await pipeline.render()
  pipeline.runtime.advance(2 * HOUR_MS)
  pipeline.warehouse.before = operation => {
    if (operation === 'delete') throw new AppError({ code: 'outage', next: 'retry', message: 'no answer' })
  }
  expect(await purgeNow(pipeline.parts, await pipeline.declare())).toEqual([
    'shop.orders: purging dead letters: no answer',
  ])
  pipeline.warehouse.before = undefined
  expect(await offsetsOfLetters()).toEqual([])
  expect(await purgeNow(pipeline.parts, await pipeline.declare())).toEqual([])
  expect(await topicKeys()).toEqual([])
})

test('one loop purges the tables of a process, also those that come later, until it is stopped', async () => {
  const tables = createTableSet([])
  const stop = new AbortController()
  const loop = purgeUntilStopped(pipeline.parts, tables, stop.signal)
  await landLetter(0)
  tables.add(await pipeline.declare())
  for (let steps = 0; steps < 20 && (await offsetsOfLetters()).length > 0; steps++)
    pipeline.runtime.advance(HOUR_MS / 10)
  expect(await offsetsOfLetters()).toEqual([])
  stop.abort()
  await loop
})

test('without dlq_retention dead letters stay', async () => {
  const forever = await openPipeline()
  await land(forever.source, ['not json'], { topic: TOPIC })
  await forever.settle()
  forever.runtime.advance(10_000 * HOUR_MS)
  await purgeNow(forever.parts, await forever.declare())
  expect(await forever.metadata.sumAccounts((await forever.declare()).rows.tableId)).toMatchObject({
    deadLetterCount: 1n,
    purgedDeadLetterCount: 0n,
  })
  await forever.close()
})

/** Status of each entry, in the order of the manifests of the published table. */
async function entriesOfCurrent(tableId: string): Promise<readonly string[]> {
  const { metadataLocation = '' } = await pipeline.metadata.loadPublication(tableId, 'local')
  const get = (path: string) => pipeline.warehouse.get(locationToKey(pipeline.warehouse, path))
  const metadata = parseTableMetadata(await get(metadataLocation), metadataLocation)
  const list = metadata.snapshots.find(({ snapshotId }) => snapshotId === metadata.currentSnapshotId)
  const path = list?.manifestList ?? ''
  const entries = []
  for (const manifest of readManifestList(await get(path), path))
    entries.push(...readManifest(await get(manifest.path), manifest.path).entries)
  return entries.map(entry => entry.status)
}

async function topicKeys(): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of pipeline.warehouse.list({ prefix: '_topics/' }))
    keys.push(key.slice(key.lastIndexOf('/') + 1))
  return keys
}
