/** What users install: the tarball of `npm pack`, in an empty folder, started by the Node that it names. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

const ROOT = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'tidewater-package-'))
const clone = join(folder, 'clone')
const app = join(folder, 'app')

const packReport = z.array(
  z.object({ filename: z.string(), size: z.int(), files: z.array(z.object({ path: z.string() })) }),
)

/** `npm` by the project's own Node, without what the npm that runs these tests put into the environment. */
function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    env: cleanEnvironment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))
  return { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
}

function tidewater(...args: string[]) {
  return spawnSync(join(app, 'node_modules/.bin/tidewater'), args, {
    cwd: app,
    env: cleanEnvironment(),
    encoding: 'utf8',
  })
}

describe('the packed and installed tarball', () => {
  let pack: z.infer<typeof packReport>[number]

  beforeAll(() => {
    copyClone()
    const [report] = packReport.parse(JSON.parse(npm(clone, 'pack', '--json')))
    if (report === undefined) throw new Error('npm pack reported no package.')
    pack = report
    mkdirSync(app)
    writeFileSync(join(app, 'package.json'), '{"private":true}')
    npm(app, 'install', '--prefer-offline', join(clone, pack.filename))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('holds what runs, its licence and documents, and nothing else', () => {
    const paths = pack.files.map(file => file.path)
    expect(paths).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'services/cli/launcher.js']),
    )
    const others = paths.filter(
      path =>
        !/^(dist\/|LICENSE$|README\.md$|package\.json$|services\/cli\/launcher\.js$|shared\/config\/tidewater\.schema\.json$)/.test(
          path,
        ),
    )
    expect(others).toEqual([])
    expect(paths.filter(path => /\.ts$|\.test\.|\.map$/.test(path))).toEqual([])
    expect(pack.size).toBeLessThan(2_000_000)
  })

  it('holds every file that the sources read at run time', () => {
    const assets = tracked().filter(path => /^(services|shared|catalog-adapters)\/.*\.(sql|json)$/.test(path))
    for (const path of assets) {
      expect(existsSync(join(app, 'node_modules/tidewater/dist', path)), path).toBe(true)
    }
  })

  it('prints its version', () => {
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))
    const run = tidewater('--version')
    expect(run.stderr).toBe('')
    expect(run.stdout.trim()).toBe(version)
  })

  it('validates a configuration, and refuses a wrong one with exit code 2', () => {
    const right = `
warehouse: file:./warehouse
sources:
  - { name: local, type: kfs, url: file:./segments }
tables:
  - name: shop.orders
    source: local
    source_topic: orders
    source_format: json
    schema: { fields: [ { name: id, type: long, required: true } ] }
`
    writeFileSync(join(app, 'right.yaml'), right)
    writeFileSync(join(app, 'wrong.yaml'), right.replace('type: long', 'type: lung'))
    const accepted = tidewater('validate', '--config', 'right.yaml')
    expect(accepted.status, accepted.stderr).toBe(0)
    const refused = tidewater('validate', '--config', 'wrong.yaml')
    expect(refused.status).toBe(2)
    expect(refused.stderr + refused.stdout).toContain('lung')
  })
})

function tracked(): string[] {
  return execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n').filter(Boolean)
}

/** Packing builds `dist/`, so it happens in a copy. The copy has no `node_modules` of its own but a link, which npm pack does not follow. */
function copyClone(): void {
  for (const path of tracked()) {
    if (existsSync(join(ROOT, path))) cpSync(join(ROOT, path), join(clone, path))
  }
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
}
