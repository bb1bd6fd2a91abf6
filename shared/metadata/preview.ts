/** A metadata database opened for looking at it: nothing in it changes. */
import type { MetadataStore } from './metadata-store.ts'

export interface MetadataPreview {
  /** Absent when nothing was made there yet. */
  readonly metadata?: MetadataStore
  /** Names of the migrations that the database lacks, in order; all of them when there is none. */
  readonly migrations: readonly string[]
  close(): Promise<void>
}
