/** Errors of reading Iceberg metadata: an object that is damaged, or one that uses what Tidewater does not handle. */
import { AppError } from '../runtime/errors.ts'

/** `iceberg-malformed`: the object breaks the table spec. */
export function malformed(what: string, problem: string, cause?: unknown): AppError {
  return new AppError({
    code: 'iceberg-malformed',
    next: 'park',
    message: `Reading ${what}: ${problem}. The object is damaged or breaks the Iceberg table spec; restore it, or let Tidewater render it again.`,
    details: { object: what },
    ...(cause === undefined ? {} : { cause }),
  })
}

/** `iceberg-unsupported`: the object is well-formed, but uses a feature that Tidewater would lose or misread. */
export function unsupported(what: string, problem: string): AppError {
  return new AppError({
    code: 'iceberg-unsupported',
    next: 'park',
    message: `Reading ${what}: ${problem}. Tidewater handles Iceberg format version 2 with Parquet data files and no delete files.`,
    details: { object: what },
  })
}

/** `iceberg-invalid-definition`: a schema or partitioning that the user declared and that no Iceberg table can have. */
export function invalidDefinition(message: string, details: Record<string, string | number> = {}): AppError {
  return new AppError({ code: 'iceberg-invalid-definition', next: 'park', message, details })
}
