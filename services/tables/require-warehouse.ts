/** What must be right before the first table is made. */
import { AppError } from '../../shared/runtime/errors.ts'
import type { Parts } from '../parts.ts'

/**
 * A warehouse whose bucket is missing would stop every partition that has something to write, and a mistyped bucket would stay in the
 * tables' locations for good. Errors: `bucket-missing`. A store that cannot be reached is for the stages to report, and to try again.
 */
export async function requireWarehouse({
  metadata,
  warehouse,
}: Pick<Parts, 'metadata' | 'warehouse'>): Promise<void> {
  const someTable = await metadata.listTableOverviews({ limit: 1 })
  if (someTable.length > 0) return
  try {
    for await (const _ of warehouse.list({ prefix: '', limit: 1 })) break
  } catch (error) {
    if (error instanceof AppError && error.code === 'bucket-missing') throw error
  }
}
