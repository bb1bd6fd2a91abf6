/** Sums Vitest's JSON reports into the one line that ends a whole run. */
import { z } from 'zod'

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(
    z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) }),
  ),
})

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

function failedAsWhole(file: z.infer<typeof reportSchema>['testResults'][number]): boolean {
  return file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed')
}

export function summaryLine({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
