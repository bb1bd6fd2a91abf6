import { expect, it } from 'vitest'
import { summarize, summaryLine } from '../summary.ts'

const report = (numbers: object, testResults: object[] = []) =>
  JSON.stringify({
    numPassedTests: 0,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults,
    ...numbers,
  })

it('sums the tests of all reports, to-do ones as skipped', () => {
  const summary = summarize([
    report({ numPassedTests: 3, numTodoTests: 1 }),
    report({ numPassedTests: 4, numFailedTests: 2, numPendingTests: 5 }),
  ])
  expect(summaryLine(summary)).toBe('7 passed, 2 failed, 6 skipped')
})

it('counts a file that failed before its tests ran as one failure', () => {
  const summary = summarize([
    report({ numPassedTests: 1, numFailedTests: 1 }, [
      { status: 'passed', assertionResults: [{ status: 'passed' }] },
      { status: 'failed', assertionResults: [{ status: 'failed' }] },
      { status: 'failed', assertionResults: [] },
    ]),
  ])
  expect(summary.failed).toBe(2)
})

it('refuses text that is not a report', () => {
  expect(() => summarize(['{}'])).toThrow(/numPassedTests/)
})
