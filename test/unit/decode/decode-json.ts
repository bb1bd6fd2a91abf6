/**
 * Decodes JSON texts with a schema, for tests: rows as objects and failures by record. Every call decodes with the generated scanner
 * and with its plain twin, and fails when they differ.
 */
import { expect } from 'vitest'
import { createArena } from '../../../shared/columns/arena.ts'
import { createBatchBuilder } from '../../../shared/columns/batch-builder.ts'
import type { ColumnBatch } from '../../../shared/columns/column.ts'
import { digestBatch } from '../../../shared/columns/column-digest.ts'
import { type ColumnValue, valueAt } from '../../../shared/columns/column-values.ts'
import { type BatchDecoderOptions, createBatchDecoder } from '../../../shared/decode/batch-decoder.ts'
import { createSimpleJsonDecoder } from '../../../shared/decode/json-decoder-simple.ts'
import type { RecordFailure } from '../../../shared/decode/record-failure.ts'
import { assignFreshIds } from '../../../shared/iceberg/assign-ids.ts'
import type { IcebergType, NestedField, Schema } from '../../../shared/iceberg/schema.ts'
import { recordSlicesOf } from './record-slices-of.ts'

export function optional(name: string, type: IcebergType, id = 0): NestedField {
  return { id, name, required: false, type }
}

export function required(name: string, type: IcebergType, id = 0): NestedField {
  return { id, name, required: true, type }
}

export function listOf(element: IcebergType, elementRequired = false): IcebergType {
  return { kind: 'list', elementId: 0, elementRequired, element }
}

export function mapOf(key: IcebergType, value: IcebergType, valueRequired = false): IcebergType {
  return { kind: 'map', keyId: 0, key, valueId: 0, valueRequired, value }
}

export function structOf(...fields: NestedField[]): IcebergType {
  return { kind: 'struct', fields }
}

export function schemaOf(...fields: NestedField[]): Schema {
  return assignFreshIds(fields).schema
}

export interface Decoded {
  readonly rows: Record<string, ColumnValue>[]
  readonly failures: Map<number, RecordFailure>
  readonly batch: ColumnBatch
}

export function decodeJson(
  schema: Schema,
  texts: readonly (string | Uint8Array | null)[],
  options: Partial<BatchDecoderOptions> = {},
): Decoded {
  const all = {
    schema,
    format: 'json',
    fieldOptions: new Map(),
    unknownFields: 'ignore',
    ...LIMITS,
    ...options,
  } as const
  const decoder = createBatchDecoder(all)
  const failures = new Map<number, RecordFailure>()
  const slices = recordSlicesOf(texts.map(value => ({ value })))
  const source = { topic: 'orders', partition: 0 }
  decoder.append(slices, source, 0, texts.length, (index, failure) => failures.set(index, failure))
  const batch = decoder.take()

  const builder = createBatchBuilder(schema.fields, createArena())
  builder.ensureRows(texts.length)
  const plainFailures = new Map<number, RecordFailure>()
  const rowCount = createSimpleJsonDecoder({ ...all, builder }).decode(
    slices,
    { from: 0, to: texts.length, row: 0 },
    new Int32Array(texts.length),
    (index, failure) => plainFailures.set(index, failure),
  )
  expect(digestBatch(batch)).toEqual(digestBatch(builder.take(rowCount)))
  expect(failures).toEqual(plainFailures)
  return { rows: rowsOf(batch), failures, batch }
}

const LIMITS = { metadataMode: 'none', maxRows: 10_000, maxBytes: 1024 ** 3 } as const

export function rowsOf(batch: ColumnBatch): Record<string, ColumnValue>[] {
  return Array.from({ length: batch.rowCount }, (_, row) =>
    Object.fromEntries(batch.columns.map(column => [column.name, valueAt(column, row)])),
  )
}
