import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listFolderNames, walkFiles } from '../../../shared/object-store/file-listing.ts'

/** `a-` and `a.` sort before `a/…`, `a0` after it. */
const KEYS = [
  'a-',
  'a.',
  'a/1',
  'a/2',
  'a/b/1',
  'a/b/2',
  'a/b0',
  'a0',
  ...Array.from({ length: 25 }, (_, i) => `many/${String((i * 7) % 25).padStart(2, '0')}`),
  ...Array.from({ length: 9 }, (_, i) => `topics/${i}/0`),
]

describe('a folder with more names than are kept in memory', () => {
  let rootPath: string
  beforeEach(async () => {
    rootPath = await mkdtemp(join(tmpdir(), 'tidewater-listing-'))
    for (const key of KEYS) {
      await mkdir(dirname(join(rootPath, key)), { recursive: true })
      await writeFile(join(rootPath, key), '')
    }
  })
  afterEach(() => rm(rootPath, { recursive: true, force: true }))

  const walk = (prefix: string, startAfter: string | undefined, maxNamesKept: number) => ({
    rootPath,
    storeUrl: 'file:///test',
    prefix,
    startAfter,
    maxNamesKept,
  })

  async function listed(...of: Parameters<typeof walk>): Promise<readonly string[]> {
    const keys: string[] = []
    for await (const { key } of walkFiles(walk(...of))) keys.push(key)
    return keys
  }

  it.each([1, 2, 3, 7, 25, 100])('is listed whole and in order, %i names at a time', async kept => {
    const sorted = [...KEYS].sort()
    expect(await listed('', undefined, kept)).toEqual(sorted)
    expect(await listed('', 'a/b/1', kept)).toEqual(sorted.filter(key => key > 'a/b/1'))
    expect(await listed('many/', 'many/11', kept)).toEqual(
      sorted.filter(key => key.startsWith('many/') && key > 'many/11'),
    )
    expect(await listed('a/b', undefined, kept)).toEqual(['a/b/1', 'a/b/2', 'a/b0'])
    expect(await listFolderNames(walk('topics/', undefined, kept))).toEqual(
      Array.from({ length: 9 }, (_, i) => `${i}`),
    )
  })

  it('answers the first ones when a listing ends early', async () => {
    const keys: string[] = []
    for await (const { key } of walkFiles(walk('many/', undefined, 3))) {
      keys.push(key)
      if (keys.length === 5) break
    }
    expect(keys).toEqual(['many/00', 'many/01', 'many/02', 'many/03', 'many/04'])
  })
})
