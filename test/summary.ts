/** Sums Vitest's JSON reports into what ends a whole run: each failure once more, and one line. */
import { relative } from 'node:path'
import { z } from 'zod'

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({
          status: z.string(),
          fullName: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
})
type FileReport = z.infer<typeof reportSchema>['testResults'][number]

/** Of a message: the rest stands where the test failed. */
const MAX_FAILURE_LINES = 12

export interface Summary {
  readonly passed: number
  readonly failed: number
  /** Skipped and to-do tests. */
  readonly skipped: number
}

/** A file that failed without a failed test (an import, or a hook) counts as one failure. Throws on text that is not a report. */
export function summarize(reports: readonly string[]): Summary {
  let [passed, failed, skipped] = [0, 0, 0]
  for (const text of reports) {
    const report = reportSchema.parse(JSON.parse(text))
    passed += report.numPassedTests
    failed += report.numFailedTests + report.testResults.filter(failedAsWhole).length
    skipped += report.numPendingTests + report.numTodoTests
  }
  return { passed, failed, skipped }
}

/** What failed, in words, with the beginning of its message: a whole run prints too much to look for it there. */
export function failuresIn(reports: readonly string[]): readonly string[] {
  const files = reports.flatMap(text => reportSchema.parse(JSON.parse(text)).testResults)
  return files.flatMap(file => {
    const name = relative(process.cwd(), file.name)
    if (failedAsWhole(file)) return [failureText(name, file.message)]
    return file.assertionResults
      .filter(test => test.status === 'failed')
      .map(test => failureText(`${name} > ${test.fullName}`, (test.failureMessages ?? []).join('\n')))
  })
}

function failureText(what: string, message: string): string {
  return [what, ...message.split('\n').slice(0, MAX_FAILURE_LINES)].join('\n    ')
}

function failedAsWhole(file: FileReport): boolean {
  return file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed')
}

export function summaryLine({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
