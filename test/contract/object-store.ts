/** What every object store must do; run unchanged against folders, S3 servers and the in-memory fake. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ListOptions, ObjectInfo, ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'

export interface StoreUnderTest {
  /** Empty, and used by nothing else. */
  readonly store: ObjectStore
  readonly remove: () => Promise<void>
}

export function describeObjectStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`object store: ${name}`, () => {
    let opened: StoreUnderTest
    let store: ObjectStore
    beforeAll(async () => {
      opened = await open()
      store = opened.store
    })
    afterAll(async () => {
      await store?.close()
      await opened?.remove()
    })

    it('gives back the bytes and the facts that were put', async () => {
      const put = await store.put('basic/a.bin', bytesOf('hello'))
      const head = await store.head('basic/a.bin')
      expect(put.kind).toBe('written')
      expect(textOf(await store.get('basic/a.bin'))).toBe('hello')
      expect(head).toMatchObject({ key: 'basic/a.bin', sizeBytes: 5 })
      expect(put).toEqual({ kind: 'written', etag: head?.etag })
      expect(Math.abs((head?.lastModifiedMs ?? 0) - Date.now())).toBeLessThan(60_000)
    })

    it('holds empty objects', async () => {
      await store.put('empty/none', new Uint8Array(0))
      expect((await store.get('empty/none')).byteLength).toBe(0)
      expect(await store.head('empty/none')).toMatchObject({ sizeBytes: 0 })
    })

    it('reads objects of several megabytes whole', async () => {
      const body = new Uint8Array(5 << 20)
      for (let i = 0; i < body.length; i += 997) body[i] = i % 251
      await store.put('big/object', body)
      expect(Buffer.compare(await store.get('big/object'), body)).toBe(0)
    })

    it('writes only the view that it is given, not the memory around it', async () => {
      const around = bytesOf('xxhelloxx')
      await store.put('view/a', around.subarray(2, 7))
      expect(textOf(await store.get('view/a'))).toBe('hello')
    })

    it('answers undefined for the head of a missing object and object-not-found for its content', async () => {
      expect(await store.head('missing/a')).toBeUndefined()
      expect(await failureOf(store.get('missing/a'))).toEqual({ code: 'object-not-found', next: 'park' })
      expect(await failureOf(store.get('missing/a', { range: { start: 3, end: 3 } }))).toEqual({
        code: 'object-not-found',
        next: 'park',
      })
    })

    it('takes a folder for no object', async () => {
      await store.put('folder/inside/a', bytesOf('a'))
      expect(await store.head('folder/inside')).toBeUndefined()
      expect((await failureOf(store.get('folder/inside'))).code).toBe('object-not-found')
      await store.delete('folder/inside')
      expect(await store.head('folder/inside/a')).toBeDefined()
    })

    describe('ranges', () => {
      const cases = [
        { range: { start: 0, end: 4 }, expected: '0123' },
        { range: { start: 3, end: 7 }, expected: '3456' },
        { range: { start: 8, end: 100 }, expected: '89' },
        { range: { start: 4, end: 4 }, expected: '' },
        { range: { start: 10, end: 20 }, expected: '' },
        { range: { start: 50, end: 60 }, expected: '' },
      ]
      it.each(cases)(
        '$range.start to $range.end of ten bytes is "$expected"',
        async ({ range, expected }) => {
          await store.put('range/ten', bytesOf('0123456789'))
          expect(textOf(await store.get('range/ten', { range }))).toBe(expected)
        },
      )
    })

    it('pads what it reads with 64 bytes, whole objects and ranges alike', async () => {
      await store.put('padded/a', bytesOf('0123456789'))
      for (const bytes of [
        await store.get('padded/a'),
        await store.get('padded/a', { range: { start: 2, end: 5 } }),
        await store.get('padded/a', { range: { start: 5, end: 5 } }),
      ]) {
        expect(bytes.buffer.byteLength - bytes.byteOffset - bytes.byteLength).toBeGreaterThanOrEqual(64)
      }
    })

    it('keeps the ETag while the content stays, and changes it when content of the same size replaces it', async () => {
      await store.put('etag/a', bytesOf('one'))
      const first = await store.head('etag/a')
      await store.get('etag/a')
      expect((await store.head('etag/a'))?.etag).toBe(first?.etag)
      await store.put('etag/a', bytesOf('two'))
      expect((await store.head('etag/a'))?.etag).not.toBe(first?.etag)
    })

    it('gives the same ETag in put, head and listings', async () => {
      const put = await store.put('etag-same/a', bytesOf('one'))
      const [listed] = await collect(store, { prefix: 'etag-same/' })
      expect(put).toEqual({ kind: 'written', etag: listed?.etag })
      expect(await store.head('etag-same/a')).toMatchObject({ etag: listed?.etag, sizeBytes: 3 })
    })

    it('reads under ifMatch while the object stays, and answers object-changed after a replacement', async () => {
      await store.put('match/a', bytesOf('one'))
      const etag = (await store.head('match/a'))?.etag ?? ''
      expect(textOf(await store.get('match/a', { ifMatch: etag }))).toBe('one')
      await store.put('match/a', bytesOf('two'))
      const changed = { code: 'object-changed', next: 'retry' }
      expect(await failureOf(store.get('match/a', { ifMatch: etag }))).toEqual(changed)
      expect(await failureOf(store.get('match/a', { ifMatch: etag, range: { start: 0, end: 1 } }))).toEqual(
        changed,
      )
    })

    it('answers object-not-found under ifMatch when the object was deleted', async () => {
      await store.put('match/gone', bytesOf('one'))
      const etag = (await store.head('match/gone'))?.etag ?? ''
      await store.delete('match/gone')
      expect((await failureOf(store.get('match/gone', { ifMatch: etag }))).code).toBe('object-not-found')
    })

    it('replaces by default, and leaves an existing object alone with ifNoneMatch', async () => {
      expect((await store.put('once/a', bytesOf('one'), { ifNoneMatch: true })).kind).toBe('written')
      expect(await store.put('once/a', bytesOf('two'), { ifNoneMatch: true })).toEqual({ kind: 'exists' })
      expect(textOf(await store.get('once/a'))).toBe('one')
      await store.put('once/a', bytesOf('three'))
      expect(textOf(await store.get('once/a'))).toBe('three')
    })

    it('lets exactly one of many simultaneous ifNoneMatch writers win', async () => {
      const writers = Array.from({ length: 8 }, (_, i) =>
        store.put('once/race', bytesOf(`writer ${i}`), { ifNoneMatch: true }),
      )
      const outcomes = await Promise.all(writers)
      const winner = outcomes.findIndex(outcome => outcome.kind === 'written')
      expect(outcomes.filter(outcome => outcome.kind === 'written')).toHaveLength(1)
      expect(textOf(await store.get('once/race'))).toBe(`writer ${winner}`)
    })

    it('never shows a half-written object to readers while it is being replaced', async () => {
      const size = 256 * 1024
      await store.put('atomic/a', new Uint8Array(size).fill(1))
      const writing = (async () => {
        for (let i = 2; i < 8; i++) await store.put('atomic/a', new Uint8Array(size).fill(i))
      })()
      for (let i = 0; i < 8; i++) {
        const bytes = await store.get('atomic/a')
        expect(bytes.byteLength).toBe(size)
        expect(new Set(bytes).size).toBe(1)
      }
      await writing
    })

    it('deletes, and deleting what is not there succeeds', async () => {
      await store.put('delete/a', bytesOf('a'))
      await store.delete('delete/a')
      await store.delete('delete/a')
      await store.delete('delete/never/was')
      expect(await store.head('delete/a')).toBeUndefined()
      expect(await keys(store, { prefix: 'delete/' })).toEqual([])
    })

    describe('listing', () => {
      // In byte order: '-' < '.' < '/' < '0', and characters outside the basic plane come last.
      const inOrder = [
        'list/a',
        'list/a-b/1',
        'list/a.b',
        'list/a/1',
        'list/a/2/x',
        'list/a0',
        'list/b/1',
        'list/größe/ü',
        'list/\uff5e',
        'list/\u{1f600}',
      ]
      beforeAll(async () => {
        for (const key of [...inOrder].reverse()) {
          // A file system cannot hold a file and a folder of one name.
          if (key !== 'list/a') await store.put(key, bytesOf(key))
        }
        await store.put('list-other/a', bytesOf('x'))
      })
      const expected = inOrder.slice(1)

      it('is in byte order of the keys', async () => {
        expect(await keys(store, { prefix: 'list/' })).toEqual(expected)
      })

      it('takes the prefix as text, also within a name', async () => {
        expect(await keys(store, { prefix: 'list/a' })).toEqual(expected.filter(k => k.startsWith('list/a')))
        expect(await keys(store, { prefix: 'list' })).toEqual(['list-other/a', ...expected])
        expect(await keys(store, { prefix: 'list/nothing' })).toEqual([])
      })

      it('begins after startAfter, which need not be a key', async () => {
        for (const [i, key] of expected.entries()) {
          expect(await keys(store, { prefix: 'list/', startAfter: key })).toEqual(expected.slice(i + 1))
        }
        expect(await keys(store, { prefix: 'list/', startAfter: 'list/a/' })).toEqual(expected.slice(2))
        expect(await keys(store, { prefix: 'list/', startAfter: 'list/a/2' })).toEqual(expected.slice(3))
        expect(await keys(store, { prefix: 'list/', startAfter: 'a' })).toEqual(expected)
        expect(await keys(store, { prefix: 'list/', startAfter: 'zzz' })).toEqual([])
      })

      it('ends after limit objects', async () => {
        expect(await keys(store, { prefix: 'list/', limit: 3 })).toEqual(expected.slice(0, 3))
        expect(await keys(store, { prefix: 'list/', limit: 0 })).toEqual([])
        expect(await keys(store, { prefix: 'list/', startAfter: 'list/a/1', limit: 2 })).toEqual(
          expected.slice(3, 5),
        )
      })

      it('names the folders directly below a prefix that hold objects', async () => {
        expect(await store.listFolders('list/')).toEqual(['a', 'a-b', 'b', 'größe'])
        expect(await store.listFolders('list')).toEqual(['a', 'a-b', 'b', 'größe'])
        expect(await store.listFolders('list/a/')).toEqual(['2'])
        expect(await store.listFolders('list/nothing/')).toEqual([])
        expect(await store.listFolders('')).toContain('list-other')
        await store.put('emptied/x/1', bytesOf('x'))
        await store.delete('emptied/x/1')
        expect(await store.listFolders('emptied/')).toEqual([])
      })
    })

    it('refuses keys that could lead out of the store or that stores read differently', async () => {
      for (const key of ['', '/a', 'a/', 'a//b', '../a', 'a/../../b', './a', 'a/.', 'a\0b', 'a\ud800']) {
        const refused = { code: 'invalid-key', next: 'park' }
        expect(await failureOf(store.put(key, bytesOf('x'))), key).toEqual(refused)
        expect(await failureOf(store.get(key)), key).toEqual(refused)
        expect(await failureOf(store.head(key)), key).toEqual(refused)
        expect(await failureOf(store.delete(key)), key).toEqual(refused)
      }
      for (const prefix of ['/', '../', 'a/../', 'a//b']) {
        expect((await failureOf(keys(store, { prefix }))).code, prefix).toBe('invalid-key')
        expect((await failureOf(store.listFolders(prefix))).code, prefix).toBe('invalid-key')
      }
    })

    it('names the store and the key in its errors', async () => {
      const error = await store.get('missing/named').then(
        () => undefined,
        (caught: unknown) => caught,
      )
      expect(error).toBeInstanceOf(AppError)
      expect(String(error)).toContain('missing/named')
      expect(String(error)).toMatch(/Could not read the object/)
    })
  })
}

export async function collect(store: ObjectStore, options: ListOptions): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = []
  for await (const info of store.list(options)) found.push(info)
  return found
}

async function keys(store: ObjectStore, options: ListOptions): Promise<string[]> {
  return (await collect(store, options)).map(info => info.key)
}

async function failureOf(call: Promise<unknown>): Promise<{ code: string; next: string }> {
  try {
    await call
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, next: error.next }
    throw error
  }
  throw new Error('expected an error, but the call succeeded')
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
