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
  const names: string[] = []
  for await (const children of pagesOf(walk, walk.prefix)) {
    for (const child of children) {
      if (!child.isFolder) continue
      const { done } = await walkFolder(walk, child.key, 1).next()
      if (!done) names.push(child.key.slice(walk.prefix.length, -1))
    }
  }
  return names.sort(compareKeys)
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
  for await (const children of pagesOf(walk, folderKey)) {
    for (let i = 0; i < children.length; i += STAT_BATCH) {
      const batch = children.slice(i, i + STAT_BATCH)
      const stats = await Promise.all(
        batch.map(child => (child.isFolder ? undefined : statFile(walk, child))),
      )
      for (const [position, child] of batch.entries()) {
        if (child.isFolder) {
          yield* walkFolder(walk, child.key, depth + 1)
        } else {
          const found = stats[position]
          if (found?.isFile()) yield { key: child.key, stats: found }
        }
      }
    }
  }
}

interface Child {
  /** Ends in a slash for folders, so that sorting by it is sorting by the keys of the files inside. */
  readonly key: string
  readonly isFolder: boolean
}

/** What the folder holds, in order. Each page reads the folder anew, since names come in no order. */
async function* pagesOf(walk: Walk, folderKey: string): AsyncGenerator<readonly Child[]> {
  let after: string | undefined
  do {
    const { children, isWhole } = await readPage(walk, folderKey, after)
    yield children
    after = isWhole ? undefined : children.at(-1)?.key
  } while (after !== undefined)
}

/** The first children after `after`, as many as are kept. */
async function readPage(
  walk: Walk,
  folderKey: string,
  after: string | undefined,
): Promise<{ readonly children: readonly Child[]; readonly isWhole: boolean }> {
  const { maxNamesKept = MAX_NAMES_KEPT } = walk
  let children: Child[] = []
  let isWhole = true
  let last: string | undefined
  const keepFirst = () => {
    children.sort((left, right) => compareKeys(left.key, right.key))
    if (children.length <= maxNamesKept) return
    children = children.slice(0, maxNamesKept)
    last = children.at(-1)?.key
    isWhole = false
  }
  for await (const entry of entriesOf(walk, folderKey)) {
    if (entry.name.startsWith(TEMPORARY_PREFIX)) continue
    const isFolder =
      entry.isDirectory() || (entry.isSymbolicLink() && (await leadsToFolder(walk, folderKey, entry)))
    const key = folderKey + entry.name + (isFolder ? '/' : '')
    if (!isWanted(walk, key, isFolder)) continue
    if (after !== undefined && compareKeys(key, after) <= 0) continue
    if (last !== undefined && compareKeys(key, last) > 0) continue
    children.push({ key, isFolder })
    if (children.length >= 2 * maxNamesKept) keepFirst()
  }
  keepFirst()
  return { children, isWhole }
}

function isWanted(walk: Walk, key: string, isFolder: boolean): boolean {
  const { prefix, startAfter } = walk
  if (!key.startsWith(prefix) && !(isFolder && prefix.startsWith(key))) return false
  if (startAfter === undefined || compareKeys(key, startAfter) > 0) return true
  // A folder that sorts before the cursor still matters when the cursor lies inside it.
  return isFolder && startAfter.startsWith(key)
}

async function* entriesOf(walk: Walk, folderKey: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(join(walk.rootPath, folderKey), { bufferSize: ENTRIES_AT_ONCE })
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
  const found = await statFile(walk, { key: folderKey + entry.name })
  return found?.isDirectory() ?? false
}

async function statFile(walk: Walk, child: { readonly key: string }): Promise<BigIntStats | undefined> {
  try {
    return await stat(join(walk.rootPath, child.key), { bigint: true })
  } catch (error) {
    if (isMissing(error)) return undefined
    throw classifyFileError(error, { storeUrl: walk.storeUrl, key: child.key, action: 'look at' })
  }
}
