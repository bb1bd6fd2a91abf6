/**
 * Descriptions of tables, kept for a while in proportion to what they cost: summing up a hundred thousand files takes the database, and with
 * it this process, the better part of a second. However many ask, descriptions take no more than a named share of the time.
 */
import type { MetadataStore } from '../../../shared/metadata/metadata-store.ts'
import type { Runtime } from '../../../shared/runtime/runtime.ts'
import { type DescribeLimits, describeTable, type TableDescription } from '../../tables/describe-table.ts'

/** A description that took a millisecond is given again for this many. */
const FRESH_PER_COST = 20
/** Tables whose descriptions are kept; a small table's costs little to make again. */
const MAX_KEPT = 100

export interface DescribedTables {
  /** `undefined` when there is no table of that name. */
  describe(name: string): Promise<TableDescription | undefined>
}

interface Kept {
  readonly description: Promise<TableDescription | undefined>
  /** Infinite while it is being made, so that who comes meanwhile waits for it. */
  freshUntilMs: number
}

export function createDescribedTables(
  metadata: MetadataStore,
  runtime: Pick<Runtime, 'monotonicMs'>,
  limits: DescribeLimits,
): DescribedTables {
  const kept = new Map<string, Kept>()
  return {
    describe(name) {
      const known = kept.get(name)
      if (known !== undefined && runtime.monotonicMs() < known.freshUntilMs) return known.description
      kept.delete(name)
      const startedMs = runtime.monotonicMs()
      const made: Kept = {
        description: describeTable(metadata, name, limits),
        freshUntilMs: Number.POSITIVE_INFINITY,
      }
      const settle = (isThere: boolean) => {
        const endedMs = runtime.monotonicMs()
        made.freshUntilMs = endedMs + (endedMs - startedMs) * FRESH_PER_COST
        if (!isThere && kept.get(name) === made) kept.delete(name)
      }
      made.description.then(
        found => settle(found !== undefined),
        () => settle(false),
      )
      kept.set(name, made)
      const [oldest] = kept.keys()
      if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest)
      return made.description
    },
  }
}
