import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'

const LAUNCHER = join(import.meta.dirname, '../../../services/cli/launcher.js')
const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Runs a copy of the launcher in a folder that holds `files` beside it. */
function launch(files: Readonly<Record<string, string>>, nodeOptions: readonly string[] = []) {
  const root = mkdtempSync(join(tmpdir(), 'tidewater-launcher-'))
  folders.push(root)
  for (const [path, text] of Object.entries({ 'package.json': '{"type":"module"}', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const launcher = join(root, 'services/cli/launcher.js')
  mkdirSync(dirname(launcher), { recursive: true })
  copyFileSync(LAUNCHER, launcher)
  return spawnSync(process.execPath, [...nodeOptions, launcher, 'status'], { encoding: 'utf8' })
}

it('runs main.ts in a clone, even when an older build is there too', () => {
  const run = launch({
    'services/cli/main.ts': 'const word: string = process.argv[2] ?? ""; console.log("source", word)',
    'dist/services/cli/main.js': 'console.log("build")',
  })
  expect(run.stdout).toBe('source status\n')
})

it('runs the compiled main.js in an installed package', () => {
  const run = launch({ 'dist/services/cli/main.js': 'console.log("build", process.argv[2])' })
  expect(run.stdout).toBe('build status\n')
})

it('names the version needed and the version found on an older Node, with exit code 2', () => {
  const pretend = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.1.2"})'
  const run = launch({ 'services/cli/main.ts': 'console.log("started")' }, ['--import', pretend])
  expect(run.status).toBe(2)
  expect(run.stdout).toBe('')
  expect(run.stderr).toContain('Node 24 or later is needed, and this is Node 20.1.2')
})

it('hides the warning of node:sqlite and no other', () => {
  const run = launch({
    'services/cli/main.ts':
      'await import("node:sqlite"); process.emitWarning("a thing changes", "ExperimentalWarning")',
  })
  expect(run.stderr).not.toContain('SQLite')
  expect(run.stderr).toContain('a thing changes')
})
