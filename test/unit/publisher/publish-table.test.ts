import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Catalog } from '../../../catalog-adapters/catalog.ts'
import { cutSnapshot } from '../../../services/publisher/cut-snapshot.ts'
import { publishNow } from '../../../services/publisher/publish-loop.ts'
import { publishTable } from '../../../services/publisher/publish-table.ts'
import { publishToCatalog } from '../../../services/publisher/publish-to-catalog.ts'
import type { TableMetadata } from '../../../shared/iceberg/table-metadata.ts'
import { parseTableMetadata } from '../../../shared/iceberg/table-metadata-json.ts'
import { locationToKey } from '../../../shared/object-store/locations.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline, TABLE } from '../../fakes/pipeline-fixture.ts'

let pipeline: Pipeline
beforeEach(async () => {
  pipeline = await openPipeline()
})
afterEach(() => pipeline.close())

const NEVER = new AbortController().signal
const crash = () => new Error('the process was killed')

let landed = 0
beforeEach(() => {
  landed = 0
})
/** One more segment of ten rows, committed. */
async function commitTen(): Promise<void> {
  await land(pipeline.source, ids(landed, 10), { base: landed })
  landed += 10
  await pipeline.settle()
}

async function rows() {
  return (await pipeline.declare()).rows
}

async function published(): Promise<TableMetadata> {
  const { tableId } = await rows()
  const { metadataLocation } = await pipeline.metadata.loadPublication(tableId, 'local')
  if (metadataLocation === undefined) throw new Error('nothing is published')
  const bytes = await pipeline.warehouse.get(locationToKey(pipeline.warehouse, metadataLocation))
  return parseTableMetadata(bytes, metadataLocation)
}

const total = (metadata: TableMetadata) => Number(metadata.snapshots.at(-1)?.summary['total-records'])
const ids_ = (metadata: TableMetadata) => metadata.snapshots.map(snapshot => snapshot.snapshotId)
const isMetadata = (key: string) => key.startsWith('shop/orders/metadata/')

async function writes(): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of pipeline.warehouse.list({ prefix: '' })) if (isMetadata(key)) keys.push(key)
  return keys
}

describe('a crash in the middle of publishing', () => {
  test('after any object, before or after it is durable: the next round ends with one snapshot and the same bytes', async () => {
    await commitTen()
    await pipeline.publish()
    await commitTen()
    // What a round writes when nothing goes wrong: a manifest, a manifest list, a metadata file.
    for (const when of ['before', 'after'] as const) {
      for (let nth = 1; nth <= 3; nth++) {
        await commitTen()
        let seen = 0
        pipeline.warehouse[when] = (operation, key) => {
          if (operation === 'put' && isMetadata(key) && ++seen === nth) throw crash()
        }
        await expect(pipeline.publish()).rejects.toThrow('killed')
        pipeline.warehouse[when] = undefined
        const before = new Map<string, string>()
        for (const key of await writes()) before.set(key, (await pipeline.warehouse.head(key))?.etag ?? '')

        await pipeline.publish()
        const metadata = await published()
        expect(total(metadata)).toBe(landed)
        expect(new Set(ids_(metadata)).size).toBe(metadata.snapshots.length)
        for (const [key, etag] of before) expect((await pipeline.warehouse.head(key))?.etag).toBe(etag)
      }
    }
    expect((await published()).snapshots).toHaveLength(7)
  })

  test('after the commit, before the confirmation: the publication is confirmed, not made again', async () => {
    await commitTen()
    const { metadata } = pipeline.parts
    const parts = {
      ...pipeline.parts,
      metadata: {
        ...metadata,
        confirmPublication: () => Promise.reject(crash()),
      },
    }
    const { config, rows: table } = await pipeline.declare()
    const context = { ...parts, catalogs: [...parts.catalogs.values()], retention: config.snapshotRetention }
    await expect(publishTable(context, table.name)).rejects.toThrow('killed')
    const written = await writes()
    await pipeline.publish()
    expect(await writes()).toEqual(written)
    expect(total(await published())).toBe(10)
  })

  test('what was committed after the crash is published in the same round as what the crash left', async () => {
    await commitTen()
    pipeline.warehouse.before = (operation, key) => {
      if (operation === 'put' && isMetadata(key)) throw crash()
    }
    await expect(pipeline.publish()).rejects.toThrow('killed')
    pipeline.warehouse.before = undefined
    await commitTen()
    await pipeline.publish()
    const metadata = await published()
    expect(metadata.snapshots.map(snapshot => snapshot.summary['total-records'])).toEqual(['10', '20'])
  })

  test('a publication that was left half done does not hide the newest snapshot for a round', async () => {
    await commitTen()
    pipeline.warehouse.after = (operation, key) => {
      if (operation === 'put' && key.endsWith('.metadata.json') && isMetadata(key)) throw crash()
    }
    await expect(pipeline.publish()).rejects.toThrow('killed')
    pipeline.warehouse.after = undefined
    await commitTen()
    await cutSnapshot(pipeline.parts, (await rows()).tableId)
    await pipeline.publish()
    expect(total(await published())).toBe(20)
  })
})

describe('what stands in the way', () => {
  test('other content under a key of the snapshot: it is cut again under a new id, and the object is left alone', async () => {
    await commitTen()
    let taken: string | undefined
    pipeline.warehouse.before = async (operation, key) => {
      if (operation !== 'put' || !isMetadata(key) || taken !== undefined) return
      taken = key
      await pipeline.warehouse.put(key, new Uint8Array([1]))
    }
    await expect(pipeline.publish()).rejects.toMatchObject({ code: 'object-differs', next: 'retry' })
    await pipeline.publish()
    expect(total(await published())).toBe(10)
    expect((await pipeline.warehouse.head(taken ?? ''))?.sizeBytes).toBe(1)
  })

  test('other content under the name of the metadata: a conflict, and a new name at the next round', async () => {
    await commitTen()
    pipeline.warehouse.before = async (operation, key) => {
      if (operation !== 'put' || !isMetadata(key) || !key.endsWith('.metadata.json')) return
      pipeline.warehouse.before = undefined
      await pipeline.warehouse.put(key, new Uint8Array([1]))
    }
    const [outcome] = await pipeline.publish()
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'publish-conflict' } })
    await pipeline.publish()
    expect(total(await published())).toBe(10)
  })

  function catalogShowing(current: Partial<TableMetadata>, tableUuid?: string): Catalog {
    const local = pipeline.parts.catalogs.get('local')
    if (local === undefined) throw new Error('no catalog')
    return {
      ...local,
      async loadTable(identifier) {
        const table = await local.loadTable(identifier)
        if (table === undefined) return undefined
        return {
          ...table,
          tableUuid: tableUuid ?? table.tableUuid,
          metadata: { ...table.metadata, ...current },
        }
      },
    }
  }

  test('another table under its name: held with an event, and nothing is written there', async () => {
    await commitTen()
    await pipeline.publish()
    await commitTen()
    const table = await rows()
    await cutSnapshot(pipeline.parts, table.tableId)
    const before = await writes()
    const foreign = catalogShowing({}, 'ffffffff-0000-4000-8000-000000000000')
    expect(await publishToCatalog(pipeline.parts, table, foreign)).toMatchObject({
      kind: 'held',
      error: { code: 'table-replaced' },
    })
    expect(await writes()).toEqual(before)
    expect(await pipeline.eventTypes()).toContain('publication.held')
    // It stays held, whatever the catalog says now.
    expect((await pipeline.publish())[0]).toMatchObject({ kind: 'held' })
  })

  test('a snapshot that Tidewater did not write: held', async () => {
    await commitTen()
    await pipeline.publish()
    await commitTen()
    const table = await rows()
    await cutSnapshot(pipeline.parts, table.tableId)
    const [own] = (await published()).snapshots
    if (own === undefined) throw new Error('nothing is published')
    const foreign = catalogShowing({
      snapshots: [own, { ...own, snapshotId: 42n, parentSnapshotId: own.snapshotId }],
      currentSnapshotId: 42n,
    })
    expect(await publishToCatalog(pipeline.parts, table, foreign)).toMatchObject({
      kind: 'held',
      error: {
        code: 'foreign-snapshot',
        message: expect.stringContaining(`at snapshot 42 on top of its own ${own.snapshotId}`),
      },
    })
  })

  test('a commit without an answer that did arrive is found, and not sent again', async () => {
    await commitTen()
    const table = await rows()
    await cutSnapshot(pipeline.parts, table.tableId)
    let shown: Awaited<ReturnType<Catalog['loadTable']>>
    let commits = 0
    const silent: Catalog = {
      name: 'silent',
      type: 'rest',
      traits: { keepsPointer: { holds: true, because: 'the test moves it' } },
      loadTable: async () => shown,
      async commit({ metadata, metadataLocation }) {
        commits++
        shown = { tableUuid: table.tableId, metadataLocation, metadata }
        return { kind: 'unknown', cause: new Error('connection reset') }
      },
      close: async () => undefined,
    }
    expect(await publishToCatalog(pipeline.parts, table, silent)).toMatchObject({
      kind: 'failed',
      error: { code: 'publish-outcome-unknown', next: 'retry' },
    })
    expect(await publishToCatalog(pipeline.parts, table, silent)).toMatchObject({ kind: 'published' })
    expect(commits).toBe(1)
  })
})

describe('what keeps metadata small', () => {
  test('snapshots beyond max_count expire from the metadata, and the metadata log is bounded', async () => {
    pipeline = await openPipeline({
      over: pipeline,
      table: {
        snapshot_retention: { max_count: 3, min_count: 1 },
        properties: { 'write.metadata.previous-versions-max': '4' },
      },
    })
    for (let i = 0; i < 8; i++) {
      await commitTen()
      await pipeline.publish()
      pipeline.runtime.advance(1000)
    }
    const metadata = await published()
    expect(metadata.snapshots).toHaveLength(3)
    expect(metadata.metadataLog).toHaveLength(4)
    expect(total(metadata)).toBe(80)
  })

  test('snapshots older than max_age expire, but for the newest min_count', async () => {
    pipeline = await openPipeline({
      over: pipeline,
      table: { snapshot_retention: { max_age: '1h', min_count: 2, max_count: 100 } },
    })
    for (let i = 0; i < 4; i++) {
      await commitTen()
      await pipeline.publish()
      pipeline.runtime.advance(50 * 60_000)
    }
    expect((await published()).snapshots).toHaveLength(2)
  })

  test('a hundred manifests are merged, and the totals stay right', async () => {
    for (let i = 0; i < 102; i++) {
      await commitTen()
      await pipeline.publish()
    }
    const { manifests } = await pipeline.metadata.loadSnapshotInput((await rows()).tableId)
    expect(manifests.length).toBeLessThan(100)
    const counted = manifests.reduce(
      (sum, { addedRowsCount, existingRowsCount }) => sum + addedRowsCount + existingRowsCount,
      0n,
    )
    expect(counted).toBe(1020n)
    expect(total(await published())).toBe(1020)
  })
})

describe('publishTable', () => {
  test('a table is published before it has rows', async () => {
    const outcomes = await pipeline.publish()
    expect(outcomes.map(outcome => outcome.kind)).toEqual(['published', 'published'])
    const metadata = await published()
    expect(metadata.snapshots).toEqual([])
    expect(metadata.currentSnapshotId).toBeUndefined()
    expect((await pipeline.publish()).map(outcome => outcome.kind)).toEqual(['unchanged', 'unchanged'])
  })

  test('two publishers at one table: one works, the other finds it busy', async () => {
    await commitTen()
    const { config, rows: table } = await pipeline.declare()
    const { parts } = pipeline
    const as = (holder: string) => ({
      ...parts,
      holder,
      catalogs: [...parts.catalogs.values()],
      retention: config.snapshotRetention,
    })
    const both = await Promise.all([publishTable(as('a'), table.name), publishTable(as('b'), table.name)])
    expect(
      both
        .flat()
        .map(outcome => outcome.kind)
        .sort(),
    ).toEqual(['busy', 'published'])
    expect((await published()).snapshots).toHaveLength(1)
  })

  test('two publishers without the lease, as after a long pause: no snapshot is lost or doubled', async () => {
    await commitTen()
    const table = await rows()
    const outcomes = await Promise.allSettled([
      cutSnapshot(pipeline.parts, table.tableId),
      cutSnapshot(pipeline.parts, table.tableId),
    ])
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ next: 'retry' })
    await pipeline.publish()
    const metadata = await published()
    expect(metadata.snapshots).toHaveLength(1)
    expect(total(metadata)).toBe(10)
  })
})

describe('publishNow', () => {
  /** Real pauses, a hundredth as long. */
  const hasty = () => ({
    ...pipeline.parts,
    runtime: {
      ...pipeline.runtime,
      sleep: (ms: number, signal?: AbortSignal) => systemRuntime.sleep(ms / 100, signal),
    },
  })

  test('tries a few times what may pass', async () => {
    await commitTen()
    let failures = 0
    pipeline.warehouse.before = operation => {
      if (operation === 'put' && failures++ < 3)
        throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'not now' })
    }
    expect(await publishNow(hasty(), await pipeline.declare(), NEVER)).toEqual([])
    expect(total(await published())).toBe(10)
  })

  test('gives its reasons when it does not pass', async () => {
    await commitTen()
    pipeline.warehouse.before = () => {
      throw new AppError({ code: 'store-unavailable', next: 'retry', message: 'not now' })
    }
    expect(await publishNow(hasty(), await pipeline.declare(), NEVER)).toEqual([
      `${TABLE}: not now`,
      `${TABLE}__dlq: not now`,
    ])
  })
})
