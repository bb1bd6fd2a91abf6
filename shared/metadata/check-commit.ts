/**
 * Proves, before a commit, that the task accounts for every offset of its slices exactly once (DESIGN invariant 1) and that its files
 * hold exactly the rows that the accounts count. Pure. A breach is a defect, not bad input: the worker stops and nothing is changed.
 */
import type { ConvertTask, SliceAccount, TaskSlice } from '../flow.ts'
import { invariant } from '../runtime/errors.ts'
import type { NewDataFile, TaskCommit } from './metadata-store.ts'

export function assertCommitAddsUp(task: ConvertTask, commit: TaskCommit): void {
  const { accounts, files } = commit
  invariant(
    accounts.length === task.slices.length,
    `task ${task.taskId} has ${task.slices.length} slices, and its commit ${accounts.length} accounts`,
  )
  for (const [position, slice] of task.slices.entries()) {
    const account = accounts[position]
    invariant(account !== undefined, `slice ${position} of task ${task.taskId} has no account`)
    assertAccountOf(slice, account, task.taskId)
  }
  assertFiles(task, files)
  const rowCount = accounts.reduce((sum, account) => sum + account.rowCount, 0n)
  const deadLetterCount = accounts.reduce((sum, account) => sum + account.deadLetterCount, 0n)
  assertSameCount(task, 'rows', { inFiles: recordsOf(files, 'rows'), inAccounts: rowCount })
  assertSameCount(task, 'dead letters', {
    inFiles: recordsOf(files, 'dead_letters'),
    inAccounts: deadLetterCount,
  })
  assertDeadLetters(task, commit)
}

function assertAccountOf(slice: TaskSlice, account: SliceAccount, taskId: string): void {
  const what = `task ${taskId}, ${slice.topic}-${slice.partition} [${slice.startOffset}, ${slice.endOffset})`
  invariant(
    account.topic === slice.topic &&
      account.partition === slice.partition &&
      account.incarnation === slice.incarnation &&
      account.startOffset === slice.startOffset &&
      account.endOffset === slice.endOffset,
    `${what}: its account is for ${account.topic}-${account.partition} [${account.startOffset}, ${account.endOffset})`,
  )
  invariant(account.rowCount >= 0n && account.deadLetterCount >= 0n, `${what}: a count is negative`)
  let after = slice.startOffset
  let inRanges = 0n
  for (const range of account.ranges) {
    invariant(
      after <= range.startOffset && range.startOffset < range.endOffset && range.endOffset <= slice.endOffset,
      `${what}: the ${range.kind} range [${range.startOffset}, ${range.endOffset}) is empty, out of order or outside`,
    )
    inRanges += range.endOffset - range.startOffset
    after = range.endOffset
  }
  const accounted = account.rowCount + account.deadLetterCount + inRanges
  invariant(
    accounted === slice.endOffset - slice.startOffset,
    `${what}: ${account.rowCount} rows, ${account.deadLetterCount} dead letters and ${inRanges} offsets in ranges make ${accounted}, not ${slice.endOffset - slice.startOffset}`,
  )
}

function assertFiles(task: ConvertTask, files: readonly NewDataFile[]): void {
  invariant(
    new Set(files.map(file => file.path)).size === files.length,
    `task ${task.taskId} commits one file path twice`,
  )
  for (const { path, recordCount, specId, target } of files) {
    invariant(recordCount > 0n, `task ${task.taskId} commits ${path} with ${recordCount} records`)
    invariant(
      target === 'dead_letters' || specId === task.specId,
      `task ${task.taskId} was planned with spec ${task.specId} and commits ${path} of spec ${specId}`,
    )
  }
}

function recordsOf(files: readonly NewDataFile[], target: NewDataFile['target']): bigint {
  return files.reduce((sum, file) => (file.target === target ? sum + file.recordCount : sum), 0n)
}

function assertSameCount(
  task: ConvertTask,
  what: string,
  { inFiles, inAccounts }: { readonly inFiles: bigint; readonly inAccounts: bigint },
): void {
  invariant(
    inFiles === inAccounts,
    `task ${task.taskId} accounts for ${inAccounts} ${what}, and its files hold ${inFiles}`,
  )
}

function assertDeadLetters(task: ConvertTask, { accounts, deadLetters }: TaskCommit): void {
  for (const account of accounts) {
    const ofSlice = deadLetters.filter(
      letters => letters.topic === account.topic && letters.partition === account.partition,
    )
    const what = `task ${task.taskId}, dead letters of ${account.topic}-${account.partition}`
    const counted = ofSlice.reduce((sum, letters) => sum + letters.count, 0n)
    invariant(
      counted === account.deadLetterCount,
      `${what}: ${counted} by code, ${account.deadLetterCount} in the account`,
    )
    for (const { firstOffset, lastOffset, code, count } of ofSlice) {
      invariant(
        count > 0n &&
          account.startOffset <= firstOffset &&
          firstOffset <= lastOffset &&
          lastOffset < account.endOffset,
        `${what}: ${count} of ${code} from offset ${firstOffset} to ${lastOffset}, outside the slice or empty`,
      )
    }
  }
  const total = deadLetters.reduce((sum, letters) => sum + letters.count, 0n)
  assertSameCount(task, 'dead letters by code', {
    inFiles: total,
    inAccounts: accounts.reduce((sum, account) => sum + account.deadLetterCount, 0n),
  })
}
