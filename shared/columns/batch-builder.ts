/**
 * The rows of one batch under construction: a builder per top-level field of a schema.
 * `take` gives views of the builders' buffers; the batch is valid until `reset`, which must come before the next row.
 */
import type { NestedField } from '../iceberg/schema.ts'
import type { Arena } from './arena.ts'
import type { ColumnBatch } from './column.ts'
import { type ColumnBuilder, createFieldBuilder } from './column-builder.ts'

export interface BatchBuilder {
  readonly fields: readonly NestedField[]
  readonly columns: readonly ColumnBuilder[]
  /** Makes room for `rowCount` rows in all. */
  ensureRows(rowCount: number): void
  /** Undoes everything written at row `rowCount` and after. */
  truncate(rowCount: number): void
  /** Bytes in use by the first `rowCount` rows. */
  sizeBytes(rowCount: number): number
  take(rowCount: number): ColumnBatch
  /** Empties the builders and keeps their memory. A taken batch is no longer valid. */
  reset(): void
  /** Empties the builders and gives their memory back to the arena, for other builders over it. */
  release(): void
}

export function createBatchBuilder(fields: readonly NestedField[], arena: Arena): BatchBuilder {
  const columns = fields.map(field => createFieldBuilder(field, arena))
  const sizeBytes = (rowCount: number) => columns.reduce((sum, column) => sum + column.sizeBytes(rowCount), 0)
  return {
    fields,
    columns,
    ensureRows(rowCount) {
      for (const column of columns) column.ensureSlots(rowCount)
    },
    truncate(rowCount) {
      for (const column of columns) column.truncate(rowCount)
    },
    sizeBytes,
    take: rowCount => ({
      fields,
      rowCount,
      columns: columns.map(column => column.finish(rowCount)),
      sizeBytes: sizeBytes(rowCount),
    }),
    release() {
      for (const column of columns) column.release()
    },
    reset() {
      for (const column of columns) column.truncate(0)
    },
  }
}
