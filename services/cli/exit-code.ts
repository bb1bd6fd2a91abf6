import { AppError } from '../../shared/runtime/errors.ts'

/** `changes`: only where asked for, by `plan --exit-code`. */
export const EXIT = { done: 0, failed: 1, usage: 2, changes: 3 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Errors that the user mends in tidewater.yaml or on the command line. */
const CONFIGURATION_CODES = new Set([
  'table-changed',
  'table-location-taken',
  'dead-letter-topic-moved',
  'invalid-store-url',
  'location-outside-store',
  'land-option-invalid',
  'unknown-name',
  'query-option-invalid',
  'sql-invalid',
  'sql-refused',
  'unknown-table',
  'unknown-snapshot',
  'duckdb-missing',
])

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof AppError && CONFIGURATION_CODES.has(error.code) ? EXIT.usage : EXIT.failed
}
