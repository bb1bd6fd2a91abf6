/**
 * Runs Vitest's projects one after another (`node test/run.ts [unit] [e2e] [interop]`, all by default), of those that start processes two
 * files at a time, since they wait for these more than they compute. It ends with each failure once more and one line for the whole run.
 * Exits 1 when a test failed, when Vitest itself did, when nothing ran, and, with CI=true, when a test was skipped: on CI every part must
 * be there.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failuresIn, summarize, summaryLine } from './summary.ts'

const PROJECTS = ['unit', 'e2e', 'interop']

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !PROJECTS.includes(name))
if (unknown.length > 0) {
  console.error(`test/run.ts: unknown project ${unknown.join(', ')}; known: ${PROJECTS.join(', ')}`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'tidewater-test-reports-'))
const reports: string[] = []
const broken: string[] = []
for (const project of wanted.length > 0 ? wanted : PROJECTS) {
  const report = join(folder, `${project}.json`)
  const parallel = project === 'unit' ? [] : ['--maxWorkers=2']
  const vitest = spawnSync(
    'vitest',
    [
      'run',
      '--project',
      project,
      ...parallel,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  if (vitest.status !== 0) broken.push(project)
  if (existsSync(report)) reports.push(readFileSync(report, 'utf8'))
}
rmSync(folder, { recursive: true, force: true })

for (const failure of failuresIn(reports)) console.error(`FAILED ${failure}\n`)
const summary = summarize(reports)
const skippedOnCi = process.env.CI === 'true' && summary.skipped > 0
if (skippedOnCi) console.error('On CI nothing may be skipped.')
if (broken.length > 0) console.error(`Failed: ${broken.join(', ')}.`)
console.log(summaryLine(summary))
if (broken.length > 0 || summary.failed > 0 || summary.passed === 0 || skippedOnCi) process.exitCode = 1
