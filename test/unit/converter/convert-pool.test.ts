import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ConvertPool, openConvertPool } from '../../../services/converter/convert-pool.ts'
import type { ConvertRequest } from '../../../services/converter/convert-request.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { divideWorkerMemory } from '../../../shared/runtime/worker-memory.ts'
import { ids, land } from '../../fakes/land-segments.ts'

let folder: string
let pool: ConvertPool
let good: ConvertRequest

const TARGET = {
  name: 'shop.orders',
  schema: {
    schemaId: 0,
    fields: [{ id: 1, name: 'id', required: true, type: { kind: 'long' as const } }],
  },
  spec: { specId: 0, fields: [] },
}

const url = (name: string) => pathToFileURL(join(folder, name)).href

const storesOf = () => ({
  warehouse: { url: url('warehouse'), options: {} },
  sources: { local: { url: url('segments'), options: {} } },
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewater-pool-'))
  const source = openObjectStore(url('segments'), { runtime: systemRuntime })
  const key = await land(source, ids(0, 10))
  const info = await source.head(key)
  pool = openConvertPool(1, storesOf())
  const segment = { topic: 'orders', partition: 0, key, baseOffset: 0n, sizeBytes: info?.sizeBytes ?? 0 }
  good = {
    task: {
      taskId: 'task-1',
      tableId: 'table-1',
      schemaId: 0,
      specId: 0,
      attempts: 0,
      slices: [
        {
          topic: 'orders',
          partition: 0,
          incarnation: 0,
          startOffset: 0n,
          endOffset: 10n,
          segments: [{ ...segment, etag: info?.etag ?? '' }],
        },
      ],
    },
    claimToken: 'claim-1',
    sourceName: 'local',
    rows: { ...TARGET, location: `${url('warehouse')}/shop/orders` },
    deadLetters: { ...TARGET, location: `${url('warehouse')}/shop/orders__dlq` },
    settings: {
      format: 'json',
      fieldOptions: new Map(),
      unknownFields: 'ignore',
      metadataColumns: 'none',
      compression: 'zstd',
      targetFileBytes: 1 << 20,
      dlqMode: 'skip',
      dlqMaxRatio: 1,
      onSourceGap: 'continue',
      maxOpenPartitions: 10,
      memory: divideWorkerMemory(),
    },
  }
})
afterEach(async () => {
  await pool.close()
  await rm(folder, { recursive: true })
})

test('threads convert, answer with typed failures, and survive what kills them', async () => {
  // A dead-letter schema that is none makes the thread fail with a defect; see the next request go well on a new thread.
  const crash = pool.convert(good)
  await expect(crash).rejects.toMatchObject({ code: 'broken-invariant' })

  const { deadLetterFields } = await import('../../../services/dead-letter/dead-letter-columns.ts')
  const { assignFreshIds } = await import('../../../shared/iceberg/assign-ids.ts')
  const request = {
    ...good,
    deadLetters: { ...good.deadLetters, schema: assignFreshIds(deadLetterFields()).schema },
  }
  const converted = await pool.convert(request)
  expect(converted).toMatchObject({ accounts: [{ rowCount: 10n }], files: [{ recordCount: 10n }] })

  const missing = { ...request, sourceName: 'nowhere', claimToken: 'claim-2' }
  await expect(pool.convert(missing)).rejects.toMatchObject({ code: 'broken-invariant' })

  // Not an AppError: it ends the thread, and a pool of one has room for the next at once.
  const defect = { ...request, claimToken: 'claim-3', settings: undefined } as unknown as ConvertRequest
  await expect(pool.convert(defect)).rejects.toMatchObject({ code: 'unexpected-failure', next: 'retry' })
  const again = await pool.convert({ ...request, claimToken: 'claim-4' })
  expect(again.files).toHaveLength(1)
})

test('a schema of more columns than a worker holds is refused, whoever made the table', async () => {
  const { memory } = good.settings
  const tooWide = { ...good, settings: { ...good.settings, memory: { ...memory, maxColumns: 0 } } }
  await expect(pool.convert(tooWide)).rejects.toMatchObject({ code: 'schema-too-wide', next: 'park' })
})

test('a conversion that comes to no end is ended, and fails only its task', async () => {
  const { warehouse, sources } = storesOf()
  // Time is over at once: no conversion is fast enough.
  const hurried = openConvertPool(1, { warehouse, sources }, { sleep: async () => undefined })
  await expect(hurried.convert(good)).rejects.toMatchObject({ code: 'unexpected-failure', next: 'retry' })
  await hurried.close()
})
