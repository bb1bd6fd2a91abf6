/**
 * Which rows of a batch belong to which partition. The gathering itself is `takeRows` in `shared/columns`; a batch whose rows all have
 * one value, the usual case for `day(ts)`, is told apart so that it need not be gathered at all.
 * Pure; groups come in the order of their first row, rows within a group ascend.
 */
import type { Column, ColumnBatch } from '../../shared/columns/column.ts'
import type { PartitionSpec, PartitionValue } from '../../shared/iceberg/partition-spec.ts'
import { type BoundPartitionField, partitionType } from '../../shared/iceberg/partition-type.ts'
import type { NestedField, Schema } from '../../shared/iceberg/schema.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { type PartitionKeys, type PartitionRowKey, partitionKeyReader } from './partition-keys.ts'

export interface PartitionGroup {
  readonly partition: readonly PartitionValue[]
  readonly rows: Int32Array
}

/** `single`: every row has this partition. An empty batch is `many` with no groups. */
export type PartitionedRows =
  | { readonly kind: 'single'; readonly partition: readonly PartitionValue[] }
  | { readonly kind: 'many'; readonly groups: readonly PartitionGroup[] }

export function partitionRows(batch: ColumnBatch, spec: PartitionSpec, schema: Schema): PartitionedRows {
  if (batch.rowCount === 0) return { kind: 'many', groups: [] }
  const fields = partitionType(spec, schema).map(field => codesOf(field, batch, schema))
  const partitionAt = (row: number) => fields.map(field => field.values[field.codes?.[row] ?? 0] ?? null)
  const combined = combine(fields, batch.rowCount)
  if (combined === undefined) return { kind: 'single', partition: partitionAt(0) }
  const groups = gatherRows(combined).map(rows => ({ partition: partitionAt(rows[0] ?? 0), rows }))
  return { kind: 'many', groups }
}

/** The distinct values of one partition field, and for each row which of them it has; no codes when there is only one. */
interface FieldCodes {
  readonly values: readonly PartitionValue[]
  readonly codes?: Int32Array
}

function codesOf(field: BoundPartitionField, batch: ColumnBatch, schema: Schema): FieldCodes {
  const chain = columnChain(field, batch, schema)
  const source = chain.at(-1)
  if (field.transform.kind === 'void' || source === undefined) return { values: [null] }
  const reader = partitionKeyReader(source, field)
  return encodeRows(
    batch.rowCount,
    reader,
    chain.filter(column => column.nullCount > 0),
  )
}

/** A null is code −1 while codes are given out; `nullable` are the columns, ancestors included, that can make a row null. */
function encodeRows(rowCount: number, reader: PartitionKeys, nullable: readonly Column[]): FieldCodes {
  const codeOfKey = new Map<PartitionRowKey, number>()
  const values: PartitionValue[] = []
  let nullCode = -1
  let lastKey: PartitionRowKey | undefined
  let lastCode = -1
  const codes = new Int32Array(rowCount)
  for (let row = 0; row < rowCount; row++) {
    if (nullable.length > 0 && isNullAt(nullable, row)) {
      if (nullCode < 0) nullCode = values.push(null) - 1
      codes[row] = nullCode
      continue
    }
    const key = reader.keyAt(row)
    // Rows of one partition usually follow each other; the map is asked only when the value changes.
    if (key !== lastKey || lastCode < 0) {
      lastKey = key
      const known = codeOfKey.get(key)
      if (known === undefined) {
        lastCode = values.push(reader.valueOf(key, row)) - 1
        codeOfKey.set(key, lastCode)
      } else lastCode = known
    }
    codes[row] = lastCode
  }
  return values.length === 1 ? { values } : { values, codes }
}

function isNullAt(columns: readonly Column[], row: number): boolean {
  for (const column of columns) if ((((column.validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 0) return true
  return false
}

/** The columns from the top of the batch down to the source; a member of a struct has one slot per row like the struct itself. */
function columnChain(field: BoundPartitionField, batch: ColumnBatch, schema: Schema): readonly Column[] {
  const chain: Column[] = []
  let schemaFields: readonly NestedField[] = schema.fields
  let columns: readonly Column[] = batch.columns
  for (const index of field.source.path) {
    const schemaField = schemaFields[index]
    const column = columns.find(candidate => candidate.fieldId === schemaField?.id)
    if (schemaField === undefined || column === undefined)
      throw new AppError({
        code: 'broken-invariant',
        next: 'fatal',
        message: `Partitioning by "${field.name}": the batch has no column "${field.source.name}" (field ${field.sourceId}). This is a defect in Tidewater; please report it.`,
      })
    chain.push(column)
    if (schemaField.type.kind === 'struct') schemaFields = schemaField.type.fields
    columns = column.layout === 'struct' ? column.children : []
  }
  return chain
}

/** One code per row over all fields, dense and in order of first appearance; `undefined` when no field varies. */
function combine(fields: readonly FieldCodes[], rowCount: number): Int32Array | undefined {
  let combined: Int32Array | undefined
  for (const field of fields) {
    const { codes } = field
    if (codes === undefined) continue
    const earlier: Int32Array | undefined = combined
    const dense = new Map<number, number>()
    const next = new Int32Array(rowCount)
    for (let row = 0; row < rowCount; row++) {
      const pair = (earlier?.[row] ?? 0) * field.values.length + (codes[row] ?? 0)
      let code = dense.get(pair)
      if (code === undefined) {
        code = dense.size
        dense.set(pair, code)
      }
      next[row] = code
    }
    combined = next
  }
  return combined
}

function gatherRows(codes: Int32Array): readonly Int32Array[] {
  const counts: number[] = []
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1
  const groups = counts.map(count => new Int32Array(count))
  const filled = new Int32Array(counts.length)
  for (const [row, code] of codes.entries()) {
    const group = groups[code]
    if (group === undefined) continue
    group[filled[code] ?? 0] = row
    filled[code] = (filled[code] ?? 0) + 1
  }
  return groups
}
