/** A table in a bucket of a real S3 server, opened by both readers from the `s3:` location of its metadata file. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { type OutsideReader, startPyIceberg, startSpark } from './readers.ts'
import { createRenderedTable } from './rendered-table.ts'

let server: S3Server
let warehouse: ObjectStore
let readers: readonly OutsideReader[] = []
beforeAll(async () => {
  server = await startS3Server()
  await server.createBucket('lake')
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const credentials = { accessKeyId, secretAccessKey }
  warehouse = openObjectStore('s3://lake/warehouse', {
    endpoint,
    region,
    pathStyle: true,
    credentials,
    runtime: systemRuntime,
  })
  readers = await Promise.all([startPyIceberg({ s3: server }), startSpark({ s3: server })])
})
afterAll(async () => {
  await Promise.all(readers.map(reader => reader.close()))
  await warehouse?.close()
  await server?.stop()
})

it('is read whole, pruned, and as it was before', async () => {
  const table = createRenderedTable({
    warehouse,
    fields: [
      { id: 0, name: 'id', required: true, type: { kind: 'long' } },
      { id: 0, name: 'city', required: false, type: { kind: 'string' } },
    ],
    // A space and non-ASCII letters end up in the keys of data files.
    partitionBy: ['city'],
  })
  await table.append([{ value: '{"id":1,"city":"São Paulo"}' }, { value: '{"id":2,"city":"100% / ?"}' }])
  const location = await table.append([{ value: '{"id":3}' }])
  expect(location).toMatch(/^s3:\/\/lake\/warehouse\//)
  for (const reader of readers) {
    const { rows } = await reader.scan(location, { orderBy: ['id'] })
    expect(rows, reader.name).toEqual([
      { id: '1', city: 'São Paulo' },
      { id: '2', city: '100% / ?' },
      { id: '3', city: null },
    ])
    const pruned = await reader.scan(location, { filter: "city = 'São Paulo'", columns: ['id'] })
    expect(pruned, reader.name).toMatchObject({ rows: [{ id: '1' }], plannedFiles: 1 })
    const { snapshots } = await reader.describe(location)
    expect(await reader.count(location, { snapshotId: snapshots[0]?.snapshotId ?? '' }), reader.name).toBe(2)
  }
})
