import { join } from 'node:path'
import { expect, it } from 'vitest'
import { failuresIn, summarize, summaryLine } from '../summary.ts'

const report = (numbers: object, testResults: object[] = []) =>
  JSON.stringify({
    numPassedTests: 0,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults,
    ...numbers,
  })

const file = (status: string, tests: object[] = [], message = '') => ({
  name: join(process.cwd(), 'test/some.test.ts'),
  status,
  message,
  assertionResults: tests,
})

const test = (status: string, failureMessages: string[] = []) => ({
  status,
  fullName: `a test that ${status}`,
  failureMessages,
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
      file('passed', [test('passed')]),
      file('failed', [test('failed')]),
      file('failed'),
    ]),
  ])
  expect(summary.failed).toBe(2)
})

it('tells each failure by file and name with the first lines of its message', () => {
  const long = Array.from({ length: 100 }, (_, line) => `line ${line}`).join('\n')
  const failures = failuresIn([
    report({}, [file('failed', [test('passed'), test('failed', ['expected 1, found 2'])])]),
    report({}, [file('failed', [], `no such module\n${long}`)]),
  ])
  expect(failures).toHaveLength(2)
  expect(failures[0]).toBe('test/some.test.ts > a test that failed\n    expected 1, found 2')
  expect(failures[1]).toMatch(/^test\/some\.test\.ts\n {4}no such module\n {4}line 0\n/)
  expect(failures[1]).not.toContain('line 50')
})

it('refuses text that is not a report', () => {
  expect(() => summarize(['{}'])).toThrow(/numPassedTests/)
})
