/** A metadata database opened for looking at it: nothing in it changes. */
import { AppError } from '../runtime/errors.ts'
import type { MetadataStore } from './metadata-store.ts'

export interface MetadataPreview {
  /** Absent when nothing was made there yet. */
  readonly metadata?: MetadataStore
  /** Names of the migrations that the database lacks, in order; all of them when there is none. */
  readonly migrations: readonly string[]
  close(): Promise<void>
}

/** Of a database that only `run` may bring to this version: processes of the older one may be at work on it, and there is no way back. */
export function olderSchema(place: string, missing: readonly string[]): AppError {
  return new AppError({
    code: 'metadata-older',
    next: 'fatal',
    message: `The metadata database ${place} was last used by an older version: it lacks ${missing.join(', ')}. \`tidewater run\` of this version upgrades it at its start; look again after that, or look with the older version.`,
    details: { database: place },
  })
}
