/**
 * Lists the files below a folder in byte order of their keys, as S3 would.
 *
 * A listing from a known key costs by what is new: folders that lie before `startAfter` or beside `prefix` are not opened,
 * and only files that are yielded are looked at (stat). What is left is reading the names of the folders on the way.
 * Files and folders that vanish during the walk are left out, as an object deleted during an S3 listing may be.
 */
import type { BigIntStats, Dirent } from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../runtime/errors.ts'
import { classifyFileError, isMissing } from './file-errors.ts'
import { compareKeys, TEMPORARY_PREFIX } from './object-key.ts'

/** Deeper folders are an error: in practice they are a circle of symbolic links. */
export const MAX_FOLDER_DEPTH = 64
/** Files whose metadata is read at once. */
const STAT_BATCH = 32
/** Names read from a folder in one call. */
const ENTRIES_AT_ONCE = 1024
/** Names of one folder kept in memory, about twice as many for a moment: a folder of any size is gone through in pages of so many. */
export const MAX_NAMES_KEPT = 20_000

export interface FileEntry {
  readonly key: string
  readonly stats: BigIntStats
}

interface Walk {
  readonly rootPath: string
  readonly storeUrl: string
  readonly prefix: string
  readonly startAfter: string | undefined
  /** `MAX_NAMES_KEPT` without it. */
  readonly maxNamesKept?: number
}

export function walkFiles(walk: Walk): AsyncGenerator<FileEntry> {
  const lastSlash = walk.prefix.lastIndexOf('/')
  return walkFolder(walk, lastSlash < 0 ? '' : walk.prefix.slice(0, lastSlash + 1), 0)
}

/** Names of the folders directly below `walk.prefix` ('' or ending in a slash) in which some file can be found. */
export async function listFolderNames(walk: Walk): Promise<readonly string[]> {
  const found: string[] = []
  for await (const names of pagesOf(walk, walk.prefix)) {
    for (const name of names) {
      if (!isFolder(name)) continue
      const { done } = await walkFolder(walk, walk.prefix + name, 1).next()
      if (!done) found.push(name.slice(0, -1))
    }
  }
  return found.sort(compareKeys)
}

/** `folderKey` is '' or ends in a slash. */
async function* walkFolder(walk: Walk, folderKey: string, depth: number): AsyncGenerator<FileEntry> {
  if (depth > MAX_FOLDER_DEPTH) {
    throw new AppError({
      code: 'folder-too-deep',
      next: 'park',
      message: `Listing ${walk.storeUrl} met more than ${MAX_FOLDER_DEPTH} folders inside each other at ${folderKey.slice(0, 200)}. Look for a symbolic link that points back to a folder above it, and remove it.`,
      details: { store: walk.storeUrl },
    })
  }
  for await (const names of pagesOf(walk, folderKey)) {
    for (let i = 0; i < names.length; i += STAT_BATCH) {
      const keys = names.slice(i, i + STAT_BATCH).map(name => folderKey + name)
      const stats = await Promise.all(keys.map(key => (isFolder(key) ? undefined : statFile(walk, key))))
      for (const [position, key] of keys.entries()) {
        if (isFolder(key)) {
          yield* walkFolder(walk, key, depth + 1)
        } else {
          const found = stats[position]
          if (found?.isFile()) yield { key, stats: found }
        }
      }
    }
  }
}

/**
 * What is kept of a folder is names alone, of files and of folders: of a page of objects with keys V8 held three times as much, and for
 * longer. A folder's name ends in a slash, so that sorting by it is sorting by the keys of the files inside.
 */
type Name = string

function isFolder(nameOrKey: string): boolean {
  return nameOrKey.endsWith('/')
}

/** What the folder holds, in order. Each page reads the folder anew, since names come in no order. */
async function* pagesOf(walk: Walk, folderKey: string): AsyncGenerator<readonly Name[]> {
  let after: Name | undefined
  do {
    const { names, isWhole } = await readPage(walk, folderKey, after)
    yield names
    after = isWhole ? undefined : names.at(-1)
  } while (after !== undefined)
}

/** The first names after `after`, as many as are kept. */
async function readPage(
  walk: Walk,
  folderKey: string,
  after: Name | undefined,
): Promise<{ readonly names: readonly Name[]; readonly isWhole: boolean }> {
  const { maxNamesKept = MAX_NAMES_KEPT } = walk
  const isWanted = wantedIn(walk, folderKey)
  let names: Name[] = []
  let isWhole = true
  let last: Name | undefined
  const keepFirst = () => {
    names.sort(compareKeys)
    if (names.length <= maxNamesKept) return
    names = names.slice(0, maxNamesKept)
    last = names.at(-1)
    isWhole = false
  }
  for await (const entries of entriesOf(walk, folderKey)) {
    for (const entry of entries) {
      if (entry.name.startsWith(TEMPORARY_PREFIX)) continue
      const opens =
        entry.isDirectory() || (entry.isSymbolicLink() && (await leadsToFolder(walk, folderKey, entry)))
      const name = opens ? `${entry.name}/` : entry.name
      if (!isWanted(name)) continue
      if (after !== undefined && compareKeys(name, after) <= 0) continue
      if (last !== undefined && compareKeys(name, last) > 0) continue
      names.push(name)
      if (names.length >= 2 * maxNamesKept) keepFirst()
    }
  }
  keepFirst()
  return { names, isWhole }
}

/** Which names of a folder can lead to what is listed, without making keys of them all. */
function wantedIn({ prefix, startAfter }: Walk, folderKey: string): (name: Name) => boolean {
  const begin = prefix.startsWith(folderKey) ? prefix.slice(folderKey.length) : ''
  const holdsCursor = startAfter?.startsWith(folderKey) === true
  const after = holdsCursor ? startAfter.slice(folderKey.length) : undefined
  // All that a folder holds is on the same side of a cursor outside it.
  if (startAfter !== undefined && !holdsCursor && compareKeys(folderKey, startAfter) < 0) return () => false
  return name => {
    if (!name.startsWith(begin) && !(isFolder(name) && begin.startsWith(name))) return false
    if (after === undefined || compareKeys(name, after) > 0) return true
    // A folder that sorts before the cursor still matters when the cursor lies inside it.
    return isFolder(name) && after.startsWith(name)
  }
}

/**
 * What the folder holds, many entries at a time: a promise for each name costs more than all else that is done with it, and its garbage
 * makes V8 keep what should live for a moment.
 */
async function* entriesOf(walk: Walk, folderKey: string): AsyncGenerator<readonly Dirent[]> {
  try {
    await using folder = await opendir(join(walk.rootPath, folderKey), { bufferSize: ENTRIES_AT_ONCE })
    for (;;) {
      const first = await folder.read()
      if (first === null) return
      // The read above has fetched these, so that no call here waits for the disk, but for the one that finds the end.
      const entries = [first]
      while (entries.length < ENTRIES_AT_ONCE) {
        const next = folder.readSync()
        if (next === null) break
        entries.push(next)
      }
      yield entries
    }
  } catch (error) {
    if (isMissing(error)) return
    throw classifyFileError(error, {
      storeUrl: walk.storeUrl,
      key: folderKey === '' ? '(its root folder)' : folderKey,
      action: 'list the folder',
    })
  }
}

async function leadsToFolder(walk: Walk, folderKey: string, entry: Dirent): Promise<boolean> {
  const found = await statFile(walk, folderKey + entry.name)
  return found?.isDirectory() ?? false
}

async function statFile(walk: Walk, key: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(join(walk.rootPath, key), { bigint: true })
  } catch (error) {
    if (isMissing(error)) return undefined
    throw classifyFileError(error, { storeUrl: walk.storeUrl, key, action: 'look at' })
  }
}
