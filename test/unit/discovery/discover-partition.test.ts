import { beforeEach, describe, expect, test } from 'vitest'
import {
  discoverPartition,
  listPartitionNumbers,
  type PartitionToDiscover,
} from '../../../services/discovery/discover-partition.ts'
import { discoverStart } from '../../../services/discovery/discover-start.ts'
import type { Cursor } from '../../../services/discovery/follow-partition.ts'
import type { StartFromConfig } from '../../../shared/config/config.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { hookedObjectStore } from '../../fakes/hooked-object-store.ts'
import { flipByte, ids, land, removeSegment } from '../../fakes/land-segments.ts'
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts'
import { TOPIC } from '../../fakes/pipeline-fixture.ts'

let nowMs: number
let store: ReturnType<typeof hookedObjectStore>
beforeEach(() => {
  nowMs = 1_000_000
  store = hookedObjectStore(new MemoryObjectStore({ nowMs: () => nowMs }))
})

const discover = (cursor: Cursor, more: Partial<PartitionToDiscover> = {}) =>
  discoverPartition({ store, topic: TOPIC, partition: 0, cursor, nowMs, settleMs: 1000, ...more })

function bases({ following }: Awaited<ReturnType<typeof discover>>): number[] {
  if (following.kind !== 'segments') throw new Error(`expected segments, found ${following.kind}`)
  return following.segments.map(segment => Number(segment.baseOffset))
}

async function landTens(count: number) {
  for (let i = 0; i < count; i++) await land(store, ids(i * 10, 10), { base: i * 10 })
}

async function cursorBehind(base: number): Promise<Cursor> {
  const { following } = await discover({ plannedOffset: BigInt(base) })
  const found = following.kind === 'segments' ? following.segments : []
  const lastPlanned = found.find(segment => segment.baseOffset === BigInt(base))
  if (lastPlanned === undefined) throw new Error(`no segment at ${base}`)
  return { plannedOffset: BigInt(base + 10), lastPlanned }
}

describe('discoverPartition', () => {
  test('reads one footer only: that of the last segment', async () => {
    await landTens(3)
    const read: string[] = []
    store.before = (operation, key) => {
      if (operation === 'get') read.push(key)
    }
    const found = await discover({ plannedOffset: 0n })
    expect(bases(found)).toEqual([0, 10, 20])
    expect(found.endOffset).toBe(30n)
    expect(read).toEqual(['orders/0/segment-00000000000000000020.kfs'])
  })

  test('a damaged footer leaves its segment out, and the ones before it go on', async () => {
    await landTens(2)
    await flipByte(store, await land(store, ids(20, 10), { base: 20 }), -1)
    const found = await discover({ plannedOffset: 0n })
    expect(bases(found)).toEqual([0, 10])
    expect(found.endOffset).toBe(20n)
    expect(found.broken).toMatchObject({ segment: { baseOffset: 20n }, error: { next: 'park' } })
  })

  test('a segment that goes away between the listing and its footer is no damage', async () => {
    await landTens(2)
    store.after = async operation => {
      store.after = undefined
      expect(operation).toBe('list')
      await removeSegment(store, 10)
    }
    await expect(discover({ plannedOffset: 0n })).rejects.toMatchObject({ code: 'object-not-found' })
    expect(bases(await discover({ plannedOffset: 0n }))).toEqual([0])
  })

  test('a listing that took long counts only while what it began with stands', async () => {
    await landTens(3)
    let elapsedMs = 0
    let meanwhile = async () => {}
    store.after = async operation => {
      if (operation !== 'list') return
      elapsedMs += 1_001
      await meanwhile()
    }
    const slowly = { monotonicMs: () => elapsedMs }
    expect(bases(await discover({ plannedOffset: 0n }, slowly))).toEqual([0, 10, 20])
    meanwhile = async () => void (await land(store, ids(70, 10)))
    await expect(discover({ plannedOffset: 0n }, slowly)).rejects.toMatchObject({ code: 'listing-outdated' })
    meanwhile = () => removeSegment(store, 0)
    await expect(discover({ plannedOffset: 0n }, slowly)).rejects.toMatchObject({ code: 'listing-outdated' })
    expect(bases(await discover({ plannedOffset: 0n }, slowly))).toEqual([10, 20])
  })

  test('a start far into the folder is reached listing by listing', async () => {
    await landTens(20)
    const found = await discover({ plannedOffset: 165n }, { maxObjectsPerListing: 4 })
    expect(bases(found)[0]).toBe(160)
  })

  test('a start at the very end of a long folder finds nothing to take, and takes what comes next', async () => {
    await landTens(9)
    const at = { plannedOffset: 90n }
    const more = { maxObjectsPerListing: 4 }
    expect((await discover(at, more)).endOffset).toBe(90n)
    await land(store, ids(90, 10), { base: 90 })
    expect(bases(await discover(at, more))).toContain(90)
  })

  test('a folder that begins below the vanished last segment is a new life', async () => {
    await landTens(3)
    const cursor = await cursorBehind(20)
    for (const base of [0, 10, 20]) await removeSegment(store, base)
    await land(store, ids(0, 5))
    expect((await discover(cursor)).following).toEqual({ kind: 'new_incarnation', firstOffset: 0n })
  })

  test('only the last segment was removed: the old life goes on', async () => {
    await landTens(3)
    const cursor = await cursorBehind(20)
    await removeSegment(store, 20)
    await land(store, ids(30, 10), { base: 30 })
    const asked: string[] = []
    const found = await discover(cursor, {
      anyConverted: async objects => {
        asked.push(...objects.map(({ key }) => key))
        return true
      },
    })
    expect(bases(found)).toEqual([30])
    expect(asked[0]).toBe('orders/0/segment-00000000000000000000.kfs')
  })

  test('half a segment of a life that is being deleted, below a whole one that was not seen, is no new one', async () => {
    await landTens(3)
    const cursor = await cursorBehind(20)
    for (const base of [0, 20]) await removeSegment(store, base)
    await store.delete('orders/0/segment-00000000000000000010.index')
    nowMs += 5_000
    await land(store, ids(30, 10), { base: 30 })
    expect((await discover(cursor)).following.kind).toBe('segments')
  })

  test('what is left of a life that is being deleted is no new one', async () => {
    await landTens(3)
    const cursor = await cursorBehind(20)
    const anyConverted = async (objects: readonly { readonly key: string }[]) =>
      objects.some(({ key }) => key.endsWith('10.kfs'))
    await store.delete('orders/0/segment-00000000000000000000.kfs')
    await removeSegment(store, 20)
    expect(bases(await discover(cursor, { anyConverted }))).toEqual([])
    await store.delete('orders/0/segment-00000000000000000010.kfs')
    expect(bases(await discover(cursor, { anyConverted }))).toEqual([])
  })
})

describe('discoverPartition, with nothing but a witness', () => {
  /** As after `skip-to` into the last of three segments, of which the first is converted. */
  let cursor: Cursor
  const anyConverted = async (objects: readonly { readonly key: string }[]) =>
    objects.some(({ key }) => key.endsWith('segment-00000000000000000000.kfs'))
  beforeEach(async () => {
    for (const base of [0, 10, 20]) {
      await land(store, ids(base, 10), { base })
      nowMs += 5_000
    }
    const { witness } = await discover({ plannedOffset: 0n })
    if (witness === undefined) throw new Error('nothing was seen')
    cursor = { plannedOffset: 25n, witness, beganAt: 0n }
  })

  test('the last segment that stands whole is it', async () => {
    await land(store, ids(30, 10), { base: 30, index: false })
    expect((await discover({ plannedOffset: 25n })).witness).toEqual({
      baseOffset: 20n,
      landedAtMs: nowMs - 5_000,
    })
  })

  test('a folder that begins below it, without it, is a new life', async () => {
    for (const base of [0, 10, 20]) await removeSegment(store, base)
    expect(bases(await discover(cursor))).toEqual([])
    await land(store, ids(3, 5), { base: 3 })
    const found = await discover(cursor, { anyConverted })
    expect(found.following).toEqual({ kind: 'new_incarnation', firstOffset: 3n })
    expect(found).not.toHaveProperty('witness')
  })

  test('what was given up and still stands while the old life is being deleted is no new one', async () => {
    for (const base of [0, 20]) await removeSegment(store, base)
    const found = await discover(cursor, { anyConverted })
    expect(found.following.kind).toBe('segments')
    expect(found).not.toHaveProperty('witness')
    await land(store, ids(3, 5), { base: 3 })
    expect((await discover(cursor, { anyConverted })).following.kind).toBe('segments')
    await removeSegment(store, 10)
    expect((await discover(cursor, { anyConverted })).following.kind).toBe('new_incarnation')
  })

  test('nor is it behind what was planned since', async () => {
    const behind = { ...(await cursorBehind(20)), witness: { baseOffset: 20n, landedAtMs: nowMs - 5_000 } }
    for (const base of [0, 20]) await removeSegment(store, base)
    expect(bases(await discover(behind, { anyConverted }))).toEqual([])
  })

  test('in a store that counts in seconds, the same time tells neither life from the other', async () => {
    for (const base of [0, 10, 20]) await removeSegment(store, base)
    nowMs -= 5_000
    await land(store, ids(0, 5))
    expect((await discover(cursor)).following.kind).toBe('segments')
    nowMs += 1_000
    await land(store, ids(5, 5), { base: 5 })
    expect((await discover(cursor)).following).toEqual({ kind: 'new_incarnation', firstOffset: 0n })
  })

  test('other content under its key, or retention behind which it goes, leaves the life as it was', async () => {
    await land(store, ids(900, 10), { base: 20 })
    await removeSegment(store, 0)
    expect(bases(await discover(cursor))).toEqual([20])
    for (const base of [10, 20]) await removeSegment(store, base)
    await land(store, ids(30, 10), { base: 30 })
    const found = await discover(cursor)
    expect(bases(found)).toEqual([30])
    expect(found.witness).toEqual({ baseOffset: 30n, landedAtMs: nowMs })
  })

  test('it is asked for by name where the listing ends before it', async () => {
    for (let base = 30; base < 60; base += 10) await land(store, ids(base, 10), { base })
    const far = { ...cursor, plannedOffset: 15n, witness: { baseOffset: 50n, landedAtMs: nowMs } }
    const asked: string[] = []
    store.before = (operation, key) => {
      if (operation === 'head') asked.push(key)
    }
    expect(bases(await discover(far, { maxObjectsPerListing: 6 }))).toEqual([10, 20])
    expect(asked).toEqual(['orders/0/segment-00000000000000000050.kfs'])
  })
})

describe('discoverStart', () => {
  const start = (startFrom: StartFromConfig, tableCreatedAtMs = 1_000_055) =>
    discoverStart({
      store,
      topic: TOPIC,
      partition: 0,
      nowMs,
      settleMs: 1000,
      startFrom,
      tableCreatedAtMs,
      maxObjectsPerListing: 4,
    })

  beforeEach(async () => {
    // One segment every 10 ms.
    for (let i = 0; i < 10; i++) {
      await land(store, ids(i * 10, 10), { base: i * 10 })
      nowMs += 10
    }
  })

  test('earliest and offsets need the first listing only', async () => {
    expect(await start({ kind: 'earliest' })).toBe(0n)
    expect(await start({ kind: 'offsets', offsets: new Map([[0, 73n]]) })).toBe(73n)
    expect(await start({ kind: 'offsets', offsets: new Map([[1, 73n]]) })).toBe(0n)
  })

  test('latest and timestamp look through the whole folder, however long', async () => {
    expect(await start({ kind: 'latest' })).toBe(60n)
    expect(await start({ kind: 'timestamp', timestampMs: 1_000_081 })).toBe(90n)
    expect(await start({ kind: 'timestamp', timestampMs: 0 })).toBe(0n)
  })

  test('when everything landed too early, the start is the end', async () => {
    expect(await start({ kind: 'latest' }, 2_000_000)).toBe(100n)
  })

  test('an empty folder has no start yet', async () => {
    for (let i = 0; i < 10; i++) await removeSegment(store, i * 10)
    expect(await start({ kind: 'earliest' })).toBeUndefined()
  })

  test('a partition whose only segment is damaged begins with it, so that it can stop there', async () => {
    for (let i = 0; i < 10; i++) await removeSegment(store, i * 10)
    await flipByte(store, await land(store, ids(500, 10), { base: 500 }), -1)
    expect(await start({ kind: 'earliest' })).toBe(500n)
  })
})

describe('listPartitionNumbers', () => {
  test('in numeric order, other folders passed over', async () => {
    for (const partition of [10, 2, 0]) await land(store, ids(0, 1), { partition })
    await store.put(`${TOPIC}/notes/readme`, new Uint8Array(1))
    expect(await listPartitionNumbers(store, TOPIC)).toEqual([0, 2, 10])
  })
})

test('errors are AppErrors with the key', async () => {
  await land(store, ids(0, 10))
  await flipByte(store, 'orders/0/segment-00000000000000000000.kfs', -1)
  const { broken } = await discover({ plannedOffset: 0n })
  expect(broken?.error).toBeInstanceOf(AppError)
  expect(broken?.error.message).toContain('orders/0/segment-00000000000000000000.kfs')
})
