/**
 * Object storage in a folder of a local disk.
 *
 * A put writes a temporary file in one folder of the store, syncs it, and moves it into place (`link` when an existing object must
 * stay), then syncs the folder: after `put` returns, the object survives a power cut. A crash in the middle leaves a temporary file,
 * which is never listed, and which a later process removes (temporary-files.ts). Folders left empty by `delete` stay, and are not
 * listed either. A root folder that does not exist yet is an empty store; the first put makes it.
 *
 * The ETag is size, modification time in nanoseconds and inode: a replacement is always another inode, and a program that writes
 * into the file in place moves its time. A digest of the content would make every listing read every file.
 */
import type { BigIntStats } from 'node:fs'
import { type FileHandle, link, mkdir, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { classifyFileError, hasCode, isMissing } from './file-errors.ts'
import { listFolderNames, walkFiles } from './file-listing.ts'
import { assertKey, assertPrefix } from './object-key.ts'
import type { ListOptions, ObjectInfo, ObjectStore, PutOutcome } from './object-store.ts'
import { allocatePadded } from './padded-bytes.ts'
import { createTemporaryFiles, type TemporaryFiles } from './temporary-files.ts'

/** One read call; Linux reads at most 2 GiB at once. */
const MAX_READ_BYTES = 1 << 30

interface FileStore {
  readonly rootPath: string
  readonly url: string
  readonly runtime: Pick<Runtime, 'uuid' | 'nowMs'>
  readonly temporary: TemporaryFiles
}

/** `rootPath` is absolute. */
export function createFileObjectStore(
  rootPath: string,
  runtime: Pick<Runtime, 'uuid' | 'nowMs'>,
): ObjectStore {
  const trimmed = rootPath.replace(/\/+$/, '')
  const path = trimmed === '' ? '/' : trimmed
  const temporary = createTemporaryFiles(path, runtime)
  const store: FileStore = { rootPath: path, url: `file://${trimmed}`, runtime, temporary }
  return {
    url: store.url,
    list: options => listFiles(store, options),
    listFolders: prefix => listFolders(store, prefix),
    head: key => headFile(store, key),
    get: (key, options) => getFile(store, key, options ?? {}),
    put: (key, body, options) => putFile(store, key, body, options?.ifNoneMatch ?? false),
    delete: key => deleteFile(store, key),
    close: async () => {},
  }
}

async function* listFiles(store: FileStore, options: ListOptions): AsyncIterable<ObjectInfo> {
  assertPrefix(store.url, options.prefix)
  let remaining = options.limit ?? Number.POSITIVE_INFINITY
  if (remaining <= 0) return
  const walk = walkFiles({
    rootPath: store.rootPath,
    storeUrl: store.url,
    prefix: options.prefix,
    startAfter: options.startAfter,
  })
  for await (const { key, stats } of walk) {
    yield infoOf(key, stats)
    remaining--
    if (remaining <= 0) return
  }
}

async function listFolders(store: FileStore, prefix: string): Promise<readonly string[]> {
  assertPrefix(store.url, prefix)
  const base = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`
  return listFolderNames({
    rootPath: store.rootPath,
    storeUrl: store.url,
    prefix: base,
    startAfter: undefined,
  })
}

async function headFile(store: FileStore, key: string): Promise<ObjectInfo | undefined> {
  assertKey(store.url, key)
  try {
    const stats = await stat(pathOf(store, key), { bigint: true })
    return stats.isFile() ? infoOf(key, stats) : undefined
  } catch (error) {
    if (isMissing(error)) return undefined
    throw classifyFileError(error, { storeUrl: store.url, key, action: 'look at the object' })
  }
}

async function getFile(
  store: FileStore,
  key: string,
  options: { readonly range?: { readonly start: number; readonly end: number }; readonly ifMatch?: string },
): Promise<Uint8Array> {
  assertKey(store.url, key)
  let handle: FileHandle | undefined
  try {
    handle = await open(pathOf(store, key), 'r')
    const before = await handle.stat({ bigint: true })
    if (!before.isFile()) throw notFound(store, key)
    if (options.ifMatch !== undefined && etagOf(before) !== options.ifMatch) throw changed(store, key)
    const sizeBytes = Number(before.size)
    const start = Math.min(options.range?.start ?? 0, sizeBytes)
    const end = Math.max(start, Math.min(options.range?.end ?? sizeBytes, sizeBytes))
    const bytes = allocatePadded(end - start)
    const readBytes = await readFully(handle, bytes, start)
    // A writer that works in place may have been at it during the read.
    const after = await handle.stat({ bigint: true })
    if (readBytes !== bytes.byteLength || etagOf(after) !== etagOf(before)) throw changed(store, key)
    return bytes
  } catch (error) {
    if (isMissing(error)) throw notFound(store, key)
    throw classifyFileError(error, { storeUrl: store.url, key, action: 'read the object' })
  } finally {
    await handle?.close()
  }
}

async function readFully(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let filled = 0
  while (filled < target.byteLength) {
    const wanted = Math.min(target.byteLength - filled, MAX_READ_BYTES)
    const { bytesRead } = await handle.read(target, filled, wanted, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

async function putFile(
  store: FileStore,
  key: string,
  body: Uint8Array,
  ifNoneMatch: boolean,
): Promise<PutOutcome> {
  assertKey(store.url, key)
  const path = pathOf(store, key)
  const folder = dirname(path)
  // Only to save the writing; the link below decides.
  if (ifNoneMatch && (await headFile(store, key)) !== undefined) return { kind: 'exists' }
  const temporary = join(store.temporary.folder, store.runtime.uuid())
  try {
    await makeFolder(folder)
    await makeFolder(store.temporary.folder)
    await store.temporary.sweepOnce()
    const etag = await writeSynced(temporary, body)
    try {
      if (ifNoneMatch) {
        await link(temporary, path)
        await unlink(temporary)
      } else {
        await rename(temporary, path)
      }
    } catch (error) {
      await unlink(temporary).catch(() => {})
      if (ifNoneMatch && hasCode(error, 'EEXIST')) {
        if ((await headFile(store, key)) !== undefined) return { kind: 'exists' }
      }
      throw error
    }
    await syncFolder(folder)
    return { kind: 'written', etag }
  } catch (error) {
    throw classifyFileError(error, { storeUrl: store.url, key, action: 'write the object' })
  }
}

async function writeSynced(path: string, body: Uint8Array): Promise<string> {
  const handle = await open(path, 'wx', 0o644)
  try {
    await handle.writeFile(body)
    await handle.sync()
    return etagOf(await handle.stat({ bigint: true }))
  } catch (error) {
    await unlink(path).catch(() => {})
    throw error
  } finally {
    await handle.close()
  }
}

/** New folders are synced into their parents, or a power cut could take the whole branch. */
async function makeFolder(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true })
  if (firstMade === undefined) return
  for (let made = folder; made.length >= firstMade.length; made = dirname(made)) {
    await syncFolder(dirname(made))
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function deleteFile(store: FileStore, key: string): Promise<void> {
  assertKey(store.url, key)
  const path = pathOf(store, key)
  try {
    await unlink(path)
    await syncFolder(dirname(path))
  } catch (error) {
    if (isMissing(error)) return
    // A folder is no object: nothing is there to delete.
    if (hasCode(error, 'EISDIR') || (hasCode(error, 'EPERM') && (await headFile(store, key)) === undefined))
      return
    throw classifyFileError(error, { storeUrl: store.url, key, action: 'delete the object' })
  }
}

function pathOf(store: FileStore, key: string): string {
  return join(store.rootPath, key)
}

function infoOf(key: string, stats: BigIntStats): ObjectInfo {
  return {
    key,
    sizeBytes: Number(stats.size),
    etag: etagOf(stats),
    lastModifiedMs: Number(stats.mtimeMs),
  }
}

function etagOf(stats: BigIntStats): string {
  return `${stats.size.toString(16)}-${stats.mtimeNs.toString(16)}-${stats.ino.toString(16)}`
}

function notFound(store: FileStore, key: string): AppError {
  return new AppError({
    code: 'object-not-found',
    next: 'park',
    message: `Could not read the object ${key} in ${store.url}: it does not exist. Was it deleted by hand or by a retention rule?`,
    details: { store: store.url, key },
  })
}

function changed(store: FileStore, key: string): AppError {
  return new AppError({
    code: 'object-changed',
    next: 'retry',
    message: `The object ${key} in ${store.url} is not the one that was listed: it was replaced since, or while it was read. Tidewater looks at it again.`,
    details: { store: store.url, key },
  })
}
