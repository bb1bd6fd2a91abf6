/** Tables of more columns than a worker can hold: each column takes memory of its own, however few rows there are. */
import { metadataFields } from '../decode/kafka-metadata.ts'
import { leafCount } from '../iceberg/schema-lookup.ts'
import { maxColumns, memoryForColumns } from '../runtime/worker-memory.ts'
import type { CheckedTable, PartialTable } from './check-tables.ts'
import type { ConfigIssue } from './config-error.ts'

const MIB = 1024 * 1024

/** `checked[i]` is of `tables[i]`. */
export function checkWidths(
  tables: readonly PartialTable[],
  checked: readonly CheckedTable[],
  workerMemoryBytes: number,
  issues: ConfigIssue[],
): void {
  const max = maxColumns(workerMemoryBytes)
  for (const [i, { fields }] of checked.entries()) {
    const columns = leafCount([...fields, ...metadataFields(tables[i]?.metadata_columns ?? 'none')])
    if (columns <= max) continue
    const neededMib = memoryForColumns(columns) / MIB
    issues.push({
      path: ['tables', i, 'schema', 'fields'],
      message: `${columns} columns, members of structs and _kafka included, are more than the ${max} that a worker can convert with limits.worker_memory: ${workerMemoryBytes / MIB}MiB`,
      suggestion: `Set limits.worker_memory to ${neededMib}MiB or more, or declare fewer columns.`,
    })
  }
}
