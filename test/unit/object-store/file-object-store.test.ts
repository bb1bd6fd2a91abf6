import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileObjectStore } from '../../../shared/object-store/file-object-store.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { collect } from '../../contract/object-store.ts'

let folder: string
let store: ObjectStore
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewater-file-store-'))
  store = createFileObjectStore(folder, systemRuntime)
})
afterEach(() => rm(folder, { recursive: true }))

const one = new Uint8Array([1])
const keysOf = async (prefix: string) => (await collect(store, { prefix })).map(info => info.key)

describe('file object store', () => {
  it('has a URL without a trailing slash', () => {
    expect(createFileObjectStore('/data/lake/', systemRuntime).url).toBe('file:///data/lake')
  })

  it('leaves no temporary file behind, also when an object exists already', async () => {
    await store.put('a/1', one)
    await store.put('a/1', one, { ifNoneMatch: true })
    await Promise.all([1, 2, 3].map(() => store.put('a/2', one, { ifNoneMatch: true })))
    expect(await readdir(join(folder, 'a'))).toEqual(['1', '2'])
    expect(await readdir(join(folder, '.tidewater-tmp-puts'))).toEqual([])
  })

  it('never lists what a crash in the middle of a put left behind', async () => {
    await store.put('a/1', one)
    await writeFile(join(folder, 'a', '.tidewater-tmp-0b5d'), 'half')
    await mkdir(join(folder, 'half-made'))
    await writeFile(join(folder, 'half-made', '.tidewater-tmp-77aa'), 'half')
    expect(await keysOf('')).toEqual(['a/1'])
    expect(await store.listFolders('')).toEqual(['a'])
    await expect(store.head('a/.tidewater-tmp-0b5d')).rejects.toMatchObject({ code: 'invalid-key' })
  })

  it('removes what a crash left behind more than a day ago, and nothing else', async () => {
    await store.put('a/1', one)
    const writing = join(folder, '.tidewater-tmp-puts')
    const age = async (name: string, hours: number) => {
      const then = Date.now() / 1000 - hours * 3600
      await utimes(join(writing, name), then, then)
    }
    await writeFile(join(writing, 'old'), 'half')
    await writeFile(join(writing, 'young'), 'half')
    await mkdir(join(writing, 'folder'))
    await age('old', 25)
    await age('young', 23)
    await age('folder', 25)
    await utimes(join(folder, 'a', '1'), 1, 1)
    await store.put('a/2', one)
    expect((await readdir(writing)).sort()).toEqual(['folder', 'old', 'young'])
    await createFileObjectStore(folder, systemRuntime).put('a/3', one)
    expect((await readdir(writing)).sort()).toEqual(['folder', 'young'])
    expect(await keysOf('')).toEqual(['a/1', 'a/2', 'a/3'])
  })

  it('changes the ETag when another program writes into the file in place, size unchanged', async () => {
    await store.put('a/1', one)
    const before = await store.head('a/1')
    await writeFile(join(folder, 'a', '1'), new Uint8Array([2]))
    await utimes(join(folder, 'a', '1'), 1, 1)
    expect((await store.head('a/1'))?.etag).not.toBe(before?.etag)
    await expect(store.get('a/1', { ifMatch: before?.etag ?? '' })).rejects.toMatchObject({
      code: 'object-changed',
    })
  })

  it('follows links to folders and files, and leaves out links that lead nowhere', async () => {
    await store.put('real/1', one)
    await symlink(join(folder, 'real'), join(folder, 'linked'))
    await symlink(join(folder, 'absent'), join(folder, 'broken'))
    expect(await keysOf('')).toEqual(['linked/1', 'real/1'])
  })

  it('ends with an error at links that form a circle', async () => {
    await store.put('real/1', one)
    await symlink(folder, join(folder, 'real', 'loop'))
    await expect(keysOf('')).rejects.toMatchObject({ code: 'folder-too-deep', next: 'park' })
  })

  it('refuses a key whose parent is an object, saying why', async () => {
    await store.put('a', one)
    await expect(store.put('a/b', one)).rejects.toMatchObject({
      code: 'invalid-key',
      next: 'park',
      message: expect.stringContaining('a file stands where a folder is needed'),
    })
    expect(await store.head('a/b')).toBeUndefined()
  })

  it('refuses to replace a folder by an object', async () => {
    await store.put('a/b', one)
    await expect(store.put('a', one)).rejects.toMatchObject({ code: 'invalid-key' })
    await expect(store.put('a', one, { ifNoneMatch: true })).rejects.toMatchObject({ code: 'invalid-key' })
    expect((await readdir(folder)).sort()).toEqual(['.tidewater-tmp-puts', 'a'])
    expect(await readdir(join(folder, '.tidewater-tmp-puts'))).toEqual([])
  })

  it('classifies a name that the file system cannot hold', async () => {
    await expect(store.put(`${'x'.repeat(300)}`, one)).rejects.toMatchObject({ code: 'invalid-key' })
  })

  it('treats a root folder that does not exist as an empty store', async () => {
    const absent = createFileObjectStore(join(folder, 'absent'), systemRuntime)
    expect(await collect(absent, { prefix: '' })).toEqual([])
    expect(await absent.listFolders('')).toEqual([])
    expect(await absent.head('a')).toBeUndefined()
  })

  it('opens no folder that lies wholly before startAfter', async () => {
    await store.put('topic/0/segment-1', one)
    await store.put('topic/1/segment-1', one)
    // Listing this folder would fail, so the listing is right only when it is not opened.
    await mkdir(join(folder, 'circle'))
    await symlink(join(folder, 'circle'), join(folder, 'circle', 'loop'))
    const listed = await collect(store, { prefix: '', startAfter: 'topic/0/segment-1' })
    expect(listed.map(info => info.key)).toEqual(['topic/1/segment-1'])
    await expect(keysOf('')).rejects.toMatchObject({ code: 'folder-too-deep' })
  })
})
