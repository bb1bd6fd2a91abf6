import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openOutputFile } from '../../../services/query/output-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewater-output-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('openOutputFile', () => {
  it('a file appears when it is kept, in the place of the one that was there, also through a link', async () => {
    await writeFile(join(folder, 'real.csv'), 'old')
    await symlink(join(folder, 'real.csv'), join(folder, 'link.csv'))
    const file = await openOutputFile(join(folder, 'link.csv'), 'id')
    await file.append('a\n')
    await file.append('b\n')
    expect(await readFile(join(folder, 'real.csv'), 'utf8')).toBe('old')
    await file.keep()
    await file.discard()
    expect(await readFile(join(folder, 'real.csv'), 'utf8')).toBe('a\nb\n')
    expect((await readdir(folder)).sort()).toEqual(['link.csv', 'real.csv'])
  })

  it('what is not kept leaves nothing', async () => {
    const file = await openOutputFile(join(folder, 'out.csv'), 'id')
    await file.append('a\n')
    await file.discard()
    expect(await readdir(folder)).toEqual([])
  })

  it.each([
    ['a folder', 'taken'],
    ['a name in a folder that is not there', 'none/out.csv'],
    ['a device', '/dev/null'],
  ])('%s is refused with its name, before anything is written', async (_what, name) => {
    await mkdir(join(folder, 'taken'))
    const path = name.startsWith('/') ? name : join(folder, name)
    await expect(openOutputFile(path, 'id')).rejects.toMatchObject({
      code: 'query-option-invalid',
      message: expect.stringContaining(`--output ${path} cannot be written: `),
    })
    expect(await readdir(folder)).toEqual(['taken'])
  })
})
