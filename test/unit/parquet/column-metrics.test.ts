import { describe, expect, test } from 'vitest'
import type { ColumnMetrics } from '../../../shared/iceberg/data-file.ts'
import type { IcebergType, PrimitiveType } from '../../../shared/iceberg/schema.ts'
import { deserializeSingleValue } from '../../../shared/iceberg/single-value.ts'
import { createMetricsCollector } from '../../../shared/parquet/column-metrics.ts'
import { batchOf, type Row, schemaOf } from './batches.ts'

function metricsOf(type: IcebergType, ...batches: readonly (readonly Row[string][])[]): ColumnMetrics {
  const schema = schemaOf({ id: 1, name: 'c', required: false, type })
  const collector = createMetricsCollector()
  for (const values of batches)
    collector.add(
      batchOf(
        schema,
        values.map(value => ({ c: value })),
      ),
    )
  return collector.finish(new Map([[1, 123n]]))
}

function bounds(type: PrimitiveType, ...batches: readonly (readonly Row[string][])[]) {
  const metrics = metricsOf(type, ...batches)
  return [metrics.lowerBounds.get(1), metrics.upperBounds.get(1)].map(bytes =>
    bytes === undefined ? undefined : deserializeSingleValue(type, bytes),
  )
}

describe('column metrics', () => {
  test('nulls count as values, and sizes are taken over', () => {
    const metrics = metricsOf({ kind: 'int' }, [1, null, 3], [null])
    expect(metrics.valueCounts.get(1)).toBe(4n)
    expect(metrics.nullValueCounts.get(1)).toBe(2n)
    expect(metrics.nanValueCounts.has(1)).toBe(false)
    expect(metrics.columnSizes.get(1)).toBe(123n)
  })

  test('a column of nulls has no bounds', () => {
    expect(bounds({ kind: 'string' }, [null, null])).toEqual([undefined, undefined])
    expect(bounds({ kind: 'long' }, [null], [null])).toEqual([undefined, undefined])
  })

  test('NaN is counted and in no bound; a column of NaN has none', () => {
    expect(metricsOf({ kind: 'double' }, [Number.NaN, 1, null], [Number.NaN]).nanValueCounts.get(1)).toBe(2n)
    expect(bounds({ kind: 'double' }, [Number.NaN, 1, 2])).toEqual([1, 2])
    expect(bounds({ kind: 'float' }, [Number.NaN])).toEqual([undefined, undefined])
  })

  test('zeros of either sign give -0.0 below and +0.0 above', () => {
    const [lower, upper] = bounds({ kind: 'double' }, [0])
    expect([Object.is(lower, -0), Object.is(upper, 0)]).toEqual([true, true])
    const [negativeLower, negativeUpper] = bounds({ kind: 'float' }, [-0])
    expect([Object.is(negativeLower, -0), Object.is(negativeUpper, 0)]).toEqual([true, true])
  })

  test('longs that differ only beyond 2^53 are told apart', () => {
    const near = 2n ** 53n
    expect(bounds({ kind: 'long' }, [near + 3n, near + 1n, near + 2n])).toEqual([near + 1n, near + 3n])
    expect(bounds({ kind: 'long' }, [-near - 1n, -near - 3n], [-(2n ** 63n)])).toEqual([
      -(2n ** 63n),
      -near - 1n,
    ])
  })

  test('decimals of 38 digits compare by sign and by every word', () => {
    const type: PrimitiveType = { kind: 'decimal', precision: 38, scale: 0 }
    const values = [2n ** 96n, -(2n ** 96n), 2n ** 64n + 1n, 2n ** 64n, -1n]
    expect(bounds(type, values)).toEqual([-(2n ** 96n), 2n ** 96n])
    expect(bounds(type, [2n ** 64n + 1n, 2n ** 64n, 2n ** 64n + 2n])).toEqual([2n ** 64n, 2n ** 64n + 2n])
  })

  test('strings compare as UTF-8 bytes, across batches, and are cut to 16 code points', () => {
    // In UTF-16 order the emoji (a surrogate pair) would come before U+FFFD.
    expect(bounds({ kind: 'string' }, ['\ufffd', '😀'])).toEqual(['\ufffd', '😀'])
    expect(bounds({ kind: 'string' }, ['b', 'ba'], ['a\u0000', 'a'])).toEqual(['a', 'ba'])
    expect(bounds({ kind: 'string' }, ['x'.repeat(17)])).toEqual(['x'.repeat(16), `${'x'.repeat(15)}y`])
    expect(bounds({ kind: 'string' }, ['', null])).toEqual(['', ''])
  })

  test('a string cut at its 65th byte is told from one that ends there', () => {
    const sixteen = '😀'.repeat(16)
    expect(bounds({ kind: 'string' }, [sixteen])).toEqual([sixteen, sixteen])
    expect(bounds({ kind: 'string' }, [sixteen, `${sixteen}é`])).toEqual([sixteen, `${'😀'.repeat(15)}😁`])
  })

  test('a leaf inside a null struct counts as null, and lists count elements without bounds', () => {
    const type: IcebergType = {
      kind: 'struct',
      fields: [
        { id: 2, name: 'a', required: true, type: { kind: 'int' } },
        {
          id: 3,
          name: 'b',
          required: false,
          type: { kind: 'list', elementId: 4, elementRequired: false, element: { kind: 'double' } },
        },
      ],
    }
    const metrics = metricsOf(type, [
      { a: 5, b: [1, null, Number.NaN] },
      null,
      { a: 7, b: [] },
      { a: 6, b: null },
    ])
    expect(metrics.valueCounts).toEqual(
      new Map([
        [2, 4n],
        [4, 3n],
      ]),
    )
    expect(metrics.nullValueCounts).toEqual(
      new Map([
        [2, 1n],
        [4, 1n],
      ]),
    )
    expect(metrics.nanValueCounts).toEqual(new Map([[4, 1n]]))
    expect([...metrics.lowerBounds.keys(), ...metrics.upperBounds.keys()]).toEqual([2, 2])
  })

  test('a child marked present below a null struct counts as null all the same', () => {
    const schema = schemaOf({
      id: 1,
      name: 's',
      required: false,
      type: { kind: 'struct', fields: [{ id: 2, name: 'a', required: true, type: { kind: 'int' } }] },
    })
    const batch = batchOf(schema, [{ s: { a: 1 } }, { s: { a: 100 } }])
    const struct = batch.columns[0]
    if (struct === undefined) throw new Error('the batch has a column')
    struct.validity = Uint8Array.of(0b01)
    struct.nullCount = 1
    const collector = createMetricsCollector()
    collector.add(batch)
    const metrics = collector.finish(new Map())
    expect(metrics.nullValueCounts.get(2)).toBe(1n)
    expect(metrics.upperBounds.get(2)).toEqual(Uint8Array.of(1, 0, 0, 0))
  })

  test('buffers that are not aligned are read all the same', () => {
    const schema = schemaOf({ id: 1, name: 'c', required: true, type: { kind: 'long' } })
    const batch = batchOf(schema, [{ c: 3n }, { c: -4n }])
    const column = batch.columns[0]
    if (column?.layout !== 'fixed') throw new Error('the batch has a fixed-width column')
    const shifted = new Uint8Array(column.data.length + 3)
    shifted.set(column.data, 3)
    column.data = shifted.subarray(3)
    const collector = createMetricsCollector()
    collector.add(batch)
    expect(collector.finish(new Map()).lowerBounds.get(1)).toEqual(
      Uint8Array.of(252, 255, 255, 255, 255, 255, 255, 255),
    )
  })
})
