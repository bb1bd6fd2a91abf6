/**
 * Why a record cannot become a row: a value, not an exception, since bad records are expected. Codes are stable and documented in
 * docs/types.md; they are what dead letters carry.
 */
export type RecordFailureCode =
  | 'null-value'
  | 'empty-value'
  | 'invalid-utf8'
  | 'lone-surrogate'
  | 'not-json'
  | 'too-deep'
  | 'type-mismatch'
  | 'overflow'
  | 'scale-exceeded'
  | 'missing-required'
  | 'duplicate-key'
  | 'unknown-field'

export interface RecordFailure {
  readonly code: RecordFailureCode
  /** What was expected and found, and where in the record. */
  readonly message: string
}

/** Called with the index of a record among its slices. */
export type OnRecordFailure = (index: number, failure: RecordFailure) => void

/** A failure inside a value, before it is known where the value is: `path` grows on the way out, innermost step first. */
export interface ValueFailure {
  readonly code: RecordFailureCode
  readonly message: string
  readonly path: (string | number)[]
}

const LONGEST_QUOTED_TEXT = 64
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/

export function valueFailure(code: RecordFailureCode, message: string): ValueFailure {
  return { code, message, path: [] }
}

/** The failure one level further out. */
export function within(step: string | number, failure: ValueFailure): ValueFailure {
  failure.path.push(step)
  return failure
}

/** `$.items[3].price: expected …`. */
export function toRecordFailure(failure: ValueFailure): RecordFailure {
  const steps = failure.path.toReversed().map(step => {
    if (typeof step === 'number') return `[${step}]`
    return PLAIN_NAME.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
  })
  return { code: failure.code, message: `$${steps.join('')}: ${failure.message}` }
}

/** Text of a record for a message, cut to a length that keeps messages readable and bounded. */
export function quoted(text: string): string {
  const points = Array.from(text.slice(0, 2 * LONGEST_QUOTED_TEXT))
  const cut = points.length > LONGEST_QUOTED_TEXT || text.length > 2 * LONGEST_QUOTED_TEXT
  return JSON.stringify(cut ? `${points.slice(0, LONGEST_QUOTED_TEXT).join('')}…` : text)
}
