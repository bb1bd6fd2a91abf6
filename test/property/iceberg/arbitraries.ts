/** Random Iceberg types, values and files for the property tests. */
import fc from 'fast-check'
import type { DataFile } from '../../../shared/iceberg/data-file.ts'
import type { PartitionValue, Transform } from '../../../shared/iceberg/partition-spec.ts'
import type { IcebergType, NestedField, PrimitiveType } from '../../../shared/iceberg/schema.ts'
import { resultType } from '../../../shared/iceberg/transforms.ts'

const int32 = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31)),
)
/** Small ones, ones around the limits of a double, and all the others. */
const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 53n) - 10n, max: 2n ** 53n + 10n }),
  fc.bigInt({ min: -100n, max: 100n }),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 52n, -(2n ** 52n), 86_399_999_999n, -86_400_000_001n),
)

export const primitiveType: fc.Arbitrary<PrimitiveType> = fc.oneof(
  fc.constantFrom<PrimitiveType>(
    { kind: 'boolean' },
    { kind: 'int' },
    { kind: 'long' },
    { kind: 'float' },
    { kind: 'double' },
    { kind: 'date' },
    { kind: 'time' },
    { kind: 'timestamp' },
    { kind: 'timestamptz' },
    { kind: 'string' },
    { kind: 'uuid' },
    { kind: 'binary' },
  ),
  fc.integer({ min: 1, max: 20 }).map((length): PrimitiveType => ({ kind: 'fixed', length })),
  fc
    .integer({ min: 1, max: 38 })
    .chain(precision =>
      fc
        .integer({ min: 0, max: precision })
        .map((scale): PrimitiveType => ({ kind: 'decimal', precision, scale })),
    ),
)

export function plainValue(type: PrimitiveType): fc.Arbitrary<Exclude<PartitionValue, null>> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean()
    case 'int':
    case 'date':
      return int32
    case 'long':
    case 'timestamp':
    case 'timestamptz':
      return int64
    case 'time':
      return fc.bigInt({ min: 0n, max: 86_399_999_999n })
    case 'float':
      return fc.float()
    case 'double':
      return fc.double()
    case 'decimal':
      return fc.bigInt({
        min: -(10n ** BigInt(type.precision)) + 1n,
        max: 10n ** BigInt(type.precision) - 1n,
      })
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 20 })
    case 'uuid':
      return fc.uuid()
    case 'fixed':
      return fc.uint8Array({ minLength: type.length, maxLength: type.length })
    case 'binary':
      return fc.uint8Array({ maxLength: 20 })
  }
}

export const transform: fc.Arbitrary<Transform> = fc.oneof(
  fc.constantFrom<Transform>(
    { kind: 'identity' },
    { kind: 'year' },
    { kind: 'month' },
    { kind: 'day' },
    { kind: 'hour' },
    { kind: 'void' },
  ),
  fc.integer({ min: 1, max: 2_147_483_647 }).map((buckets): Transform => ({ kind: 'bucket', buckets })),
  fc.integer({ min: 1, max: 64 }).map((width): Transform => ({ kind: 'truncate', width })),
)

/** A transform that takes the type, with it. */
export const transformOfType = fc
  .tuple(transform, primitiveType)
  .filter(([by, type]) => resultType(by, type) !== undefined)

/** Fields without ids, nested up to three deep. */
export const freshFields: fc.Arbitrary<readonly NestedField[]> = fc.letrec<{
  type: IcebergType
  fields: readonly NestedField[]
}>(tie => ({
  fields: fc
    .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,6}$/), fc.boolean(), tie('type')), {
      minLength: 1,
      maxLength: 5,
      selector: ([name]) => name,
    })
    .map(fields => fields.map(([name, required, type]) => ({ id: 0, name, required, type }))),
  type: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    primitiveType,
    tie('fields').map((fields): IcebergType => ({ kind: 'struct', fields })),
    fc.tuple(tie('type'), fc.boolean()).map(
      ([element, elementRequired]): IcebergType => ({
        kind: 'list',
        elementId: 0,
        element,
        elementRequired,
      }),
    ),
    fc.tuple(primitiveType, tie('type'), fc.boolean()).map(
      ([key, value, valueRequired]): IcebergType => ({
        kind: 'map',
        keyId: 0,
        key,
        valueId: 0,
        value,
        valueRequired,
      }),
    ),
  ),
})).fields

const counts = fc
  .dictionary(fc.nat({ max: 5000 }).map(String), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }))
  .map(toIdMap)
const bounds = fc.dictionary(fc.nat({ max: 5000 }).map(String), fc.uint8Array({ maxLength: 20 })).map(toIdMap)

function toIdMap<T>(entries: Record<string, T>): Map<number, T> {
  return new Map(
    Object.entries(entries)
      .map(([id, value]): [number, T] => [Number(id), value])
      .sort(([left], [right]) => left - right),
  )
}

export function dataFileOf(partition: readonly PartitionValue[]): fc.Arbitrary<DataFile> {
  return fc.record({
    path: fc.string({ unit: 'binary' }),
    specId: fc.constant(0),
    partition: fc.constant(partition),
    recordCount: fc.bigInt({ min: 0n, max: 2n ** 40n }),
    fileSizeBytes: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    metrics: fc.record({
      columnSizes: counts,
      valueCounts: counts,
      nullValueCounts: counts,
      nanValueCounts: counts,
      lowerBounds: bounds,
      upperBounds: bounds,
    }),
    splitOffsets: fc.array(fc.bigInt({ min: 0n, max: 2n ** 62n }), { maxLength: 4 }),
  })
}
