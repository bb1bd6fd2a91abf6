import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ColumnValue } from '../../../shared/columns/column-values.ts'
import type { IcebergType, PrimitiveType, Schema } from '../../../shared/iceberg/schema.ts'
import {
  serializeSingleValue,
  truncateLowerBound,
  truncateUpperBound,
} from '../../../shared/iceberg/single-value.ts'
import { createMetricsCollector } from '../../../shared/parquet/column-metrics.ts'
import { batchOf, type Row } from '../../unit/parquet/batches.ts'
import { schemaAndRows } from './arbitrary-rows.ts'

/** What the statistics of one leaf should be, recomputed from plain values. */
interface LeafFacts {
  readonly type: PrimitiveType
  readonly repeated: boolean
  readonly values: ColumnValue[]
}

function leavesOf(schema: Schema, rows: readonly Row[]): Map<number, LeafFacts> {
  const leaves = new Map<number, LeafFacts>()
  const visit = (id: number, type: IcebergType, values: readonly ColumnValue[], repeated: boolean): void => {
    switch (type.kind) {
      case 'struct':
        for (const field of type.fields) {
          const members = values.map(value => (value === null ? null : ((value as Row)[field.name] ?? null)))
          visit(field.id, field.type, members, repeated)
        }
        return
      case 'list':
        visit(type.elementId, type.element, values.flatMap(asList), true)
        return
      case 'map': {
        const entries = values.flatMap(asList).map(asList)
        visit(
          type.keyId,
          type.key,
          entries.map(entry => entry[0] ?? null),
          true,
        )
        visit(
          type.valueId,
          type.value,
          entries.map(entry => entry[1] ?? null),
          true,
        )
        return
      }
      default:
        leaves.set(id, { type, repeated, values: [...values] })
    }
  }
  for (const field of schema.fields) {
    visit(
      field.id,
      field.type,
      rows.map(row => row[field.name] ?? null),
      false,
    )
  }
  return leaves
}

const asList = (value: ColumnValue): readonly ColumnValue[] => (Array.isArray(value) ? value : [])

/** Order by Iceberg's rules, with -0.0 below +0.0. */
function compare(type: PrimitiveType, a: ColumnValue, b: ColumnValue): number {
  if (typeof a === 'number' && typeof b === 'number')
    return a - b || (Object.is(a, -0) ? -1 : 0) - (Object.is(b, -0) ? -1 : 0)
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0
  if (typeof a === 'boolean') return Number(a) - Number(b)
  return Buffer.compare(serializeSingleValue(type, a as string), serializeSingleValue(type, b as string))
}

function expectedBounds({ type, values }: LeafFacts) {
  // Readers disagree on the order of uuids (see createBounds).
  if (type.kind === 'uuid') return { lower: undefined, upper: undefined }
  const comparable = values
    .filter(value => value !== null && !Number.isNaN(value))
    .sort((a, b) => compare(type, a, b))
  const [least, most] = [comparable[0], comparable.at(-1)]
  if (least === undefined || most === undefined) return { lower: undefined, upper: undefined }
  const signed = (value: ColumnValue, zero: number) => (value === 0 && isFloat(type) ? zero : value)
  return {
    lower: truncateLowerBound(type, serializeSingleValue(type, signed(least, -0) as string)),
    upper: truncateUpperBound(type, serializeSingleValue(type, signed(most, 0) as string)),
  }
}

const isFloat = (type: PrimitiveType) => type.kind === 'float' || type.kind === 'double'
const hex = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? 'none' : Buffer.from(bytes).toString('hex')

describe('column metrics of any rows of any schema', () => {
  test('equal a plain recomputation, however the rows are cut into batches', () => {
    fc.assert(
      fc.property(schemaAndRows, fc.integer({ min: 1, max: 40 }), ({ schema, rows }, rowsPerBatch) => {
        const collector = createMetricsCollector()
        for (let at = 0; at < rows.length; at += rowsPerBatch) {
          collector.add(batchOf(schema, rows.slice(at, at + rowsPerBatch)))
        }
        const metrics = collector.finish(new Map())
        for (const [id, leaf] of leavesOf(schema, rows)) {
          expect(metrics.valueCounts.get(id)).toBe(BigInt(leaf.values.length))
          expect(metrics.nullValueCounts.get(id)).toBe(
            BigInt(leaf.values.filter(value => value === null).length),
          )
          const nans = BigInt(leaf.values.filter(Number.isNaN).length)
          expect(metrics.nanValueCounts.get(id)).toBe(isFloat(leaf.type) ? nans : undefined)
          const bounds = leaf.repeated ? { lower: undefined, upper: undefined } : expectedBounds(leaf)
          expect(`${id} ${hex(metrics.lowerBounds.get(id))}`).toBe(`${id} ${hex(bounds.lower)}`)
          expect(`${id} ${hex(metrics.upperBounds.get(id))}`).toBe(`${id} ${hex(bounds.upper)}`)
        }
      }),
      { numRuns: 400 },
    )
  })
})
