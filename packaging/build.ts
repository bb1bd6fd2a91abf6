/**
 * What `npm pack` ships, made in `dist/`: JavaScript emitted from the sources, since Node does not run TypeScript under `node_modules`,
 * and the files that the sources read at run time, at the same relative places. `dist/` is made anew every time.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const RUNTIME_FILES = ['{services,shared,catalog-adapters}/**/*.{sql,json}', 'package.json']

rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
const compiled = spawnSync('tsc', ['--project', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' })
if (compiled.status !== 0) {
  console.error(`build: tsc failed (${compiled.error?.message ?? `exit ${compiled.status}`}).`)
  process.exit(1)
}
for (const file of globSync(RUNTIME_FILES, { cwd: ROOT })) cpSync(join(ROOT, file), join(ROOT, 'dist', file))
