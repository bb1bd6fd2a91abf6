/** What a catalog shows, by name. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { MetadataStore, PublishedNamesQuery } from '../../shared/metadata/metadata-store.ts'
import { type MetadataFixture, newTable, type OpenMetadata, openFixture } from './metadata-store-fixture.ts'

export function describePublishedTables(open: OpenMetadata): void {
  let fixture: MetadataFixture
  let store: MetadataStore
  beforeEach(async () => {
    fixture = await openFixture(open)
    store = fixture.store
  })
  afterEach(() => fixture.remove())

  const locationOf = (name: string) => `s3://lake/${name}/metadata/00001.metadata.json`

  async function publish(name: string, catalog = 'local'): Promise<void> {
    await store.createTable(newTable(`id of ${name}`, name))
    const intent = { metadataLocation: locationOf(name), timestampMs: 1 }
    await store.beginPublication(`id of ${name}`, catalog, intent, 0)
    await store.confirmPublication(`id of ${name}`, catalog, intent, 5)
  }

  /** Page by page, as a client does. */
  async function walk(query: Omit<PublishedNamesQuery, 'after' | 'limit'>, limit: number) {
    const found: string[] = []
    let after: string | undefined
    do {
      const { names } = await store.listPublishedNames('local', {
        ...query,
        limit,
        ...(after !== undefined && { after }),
      })
      found.push(...names)
      after = names.at(-1)
    } while (after !== undefined)
    return found
  }

  it('shows a table in a catalog once its publication there is confirmed, and in no other', async () => {
    await store.createTable(newTable('t', 'shop.orders'))
    expect(await store.findPublishedTable('local', 'shop.orders')).toBeUndefined()
    const intent = { metadataLocation: locationOf('shop.orders'), timestampMs: 1 }
    await store.beginPublication('t', 'local', intent, 0)
    expect(await store.findPublishedTable('local', 'shop.orders')).toBeUndefined()
    const all = { namespace: 'shop', kind: 'tables', limit: 9 } as const
    expect(await store.listPublishedNames('local', all)).toEqual({ exists: false, names: [] })
    await store.confirmPublication('t', 'local', intent, 5)
    expect(await store.findPublishedTable('local', 'shop.orders')).toEqual({
      tableId: 't',
      name: 'shop.orders',
      location: 's3://lake/shop.orders',
      metadataLocation: intent.metadataLocation,
    })
    expect(await store.listPublishedNames('local', all)).toEqual({ exists: true, names: ['shop.orders'] })
    expect(await store.findPublishedTable('other', 'shop.orders')).toBeUndefined()
    expect(await store.listPublishedNames('other', all)).toEqual({ exists: false, names: [] })
  })

  it('goes on showing the last metadata while the next is being published, and when that fails', async () => {
    await publish('shop.orders')
    const next = { metadataLocation: 's3://lake/next', timestampMs: 2 }
    await store.beginPublication('id of shop.orders', 'local', next, 1)
    expect(await store.findPublishedTable('local', 'shop.orders')).toMatchObject({
      metadataLocation: locationOf('shop.orders'),
    })
    const held = { state: 'held', code: 'c', message: 'm', atVersion: 1 } as const
    await store.failPublication('id of shop.orders', 'local', held)
    expect(await store.findPublishedTable('local', 'shop.orders')).toMatchObject({
      metadataLocation: locationOf('shop.orders'),
    })
  })

  it('lists tables and namespaces level by level, in byte order, whatever the size of a page', async () => {
    const names = ['a-b.t', 'a.b.c.t', 'a.b.t1', 'a.b.t2', 'a.b-c', 'a.t', 'a.zz', 'a0.t', 'B.t', '_.t']
    for (const name of names) await publish(name)
    for (const limit of [1, 2, 100]) {
      expect(await walk({ kind: 'namespaces' }, limit)).toEqual(['B', '_', 'a-b', 'a', 'a0'])
      expect(await walk({ kind: 'tables' }, limit)).toEqual([])
      expect(await walk({ kind: 'namespaces', namespace: 'a' }, limit)).toEqual(['a.b'])
      expect(await walk({ kind: 'tables', namespace: 'a' }, limit)).toEqual(['a.b-c', 'a.t', 'a.zz'])
      expect(await walk({ kind: 'tables', namespace: 'a.b' }, limit)).toEqual(['a.b.t1', 'a.b.t2'])
      expect(await walk({ kind: 'namespaces', namespace: 'a.b' }, limit)).toEqual(['a.b.c'])
    }
  })

  it('passes over a namespace of many tables', async () => {
    for (let i = 0; i < 250; i++) await publish(`a.many.t${i}`)
    await publish('a.some')
    await publish('b.t')
    expect(await walk({ kind: 'tables', namespace: 'a' }, 10)).toEqual(['a.some'])
    expect(await walk({ kind: 'namespaces' }, 10)).toEqual(['a', 'b'])
    expect(await walk({ kind: 'tables', namespace: 'a.many' }, 60)).toHaveLength(250)
  })

  it('knows a namespace by the tables in it or below, also after the last name of a listing', async () => {
    await publish('a.b.t')
    const asked = async (namespace: string, after?: string) => {
      const query = { namespace, kind: 'tables', limit: 5, ...(after !== undefined && { after }) } as const
      return (await store.listPublishedNames('local', query)).exists
    }
    expect(await asked('a')).toBe(true)
    expect(await asked('a.b')).toBe(true)
    expect(await asked('a.b', 'a.b.t')).toBe(true)
    expect(await asked('a.b.t')).toBe(false)
    expect(await asked('a.c')).toBe(false)
    expect(await asked('')).toBe(false)
    expect(await asked("x' or 1=1 --\0")).toBe(false)
  })
}
