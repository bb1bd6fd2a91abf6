/**
 * The one error type that crosses a stage. Retry, park and dead-letter logic read `next`, never message text.
 * A message says what was being done, to which object, what was expected, what was found, and what the user can do.
 */

/**
 * What whoever catches the error should do. `retry`: try again soon. `wait`: try again now and then, since a person has to mend what all
 * work of this kind stands on, such as a permission or the keys of a store; once that is done, it goes on by itself. `park`: stop this
 * partition or table until a person acts. `fatal`: end the process.
 */
export type NextStep = 'retry' | 'wait' | 'park' | 'fatal'

export interface AppErrorOptions {
  /** Stable, documented, kebab-case, for example `segment-crc-mismatch`. */
  readonly code: string
  readonly next: NextStep
  readonly message: string
  /** Facts for logs and events: key, byte offset, expected, found. Never a secret. */
  readonly details?: Readonly<Record<string, string | number | bigint | boolean>>
  readonly cause?: unknown
}

export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: string
  readonly next: NextStep
  readonly details: Readonly<Record<string, string | number | bigint | boolean>>

  constructor(options: AppErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.next = options.next
    this.details = options.details ?? {}
  }
}

/** Ends a switch over a discriminated union: the compiler rejects a missing case, and at run time a broken invariant stops the worker. */
export function unreachable(value: never): never {
  throw new AppError({
    code: 'broken-invariant',
    next: 'fatal',
    message: `A value outside its type reached a switch: ${JSON.stringify(value)}. This is a defect in Tidewater; please report it.`,
  })
}

/** Asserts an invariant whose breach would do harm; the worker stops rather than going on with a wrong state. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new AppError({
      code: 'broken-invariant',
      next: 'fatal',
      message: `Broken invariant: ${message}. This is a defect in Tidewater; please report it.`,
    })
  }
}
