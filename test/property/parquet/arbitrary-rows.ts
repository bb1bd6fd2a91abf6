/** Random Iceberg schemas and rows that fit them, for properties over anything that takes column batches. */
import fc from 'fast-check'
import type { ColumnValue } from '../../../shared/columns/column-values.ts'
import type { IcebergType, PrimitiveType, Schema } from '../../../shared/iceberg/schema.ts'
import type { Row } from '../../unit/parquet/batches.ts'

/** A type whose ids are given afterwards, in one pass over the schema. */
type Shape =
  | { readonly kind: 'primitive'; readonly type: PrimitiveType }
  | {
      readonly kind: 'struct'
      readonly fields: readonly { readonly required: boolean; readonly shape: Shape }[]
    }
  | { readonly kind: 'list'; readonly required: boolean; readonly element: Shape }
  | { readonly kind: 'map'; readonly key: PrimitiveType; readonly required: boolean; readonly value: Shape }

const primitive: fc.Arbitrary<PrimitiveType> = fc.oneof(
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
  fc.record({ kind: fc.constant('fixed' as const), length: fc.integer({ min: 1, max: 20 }) }),
  fc.tuple(fc.integer({ min: 1, max: 38 }), fc.nat({ max: 38 })).map(([precision, scale]) => ({
    kind: 'decimal' as const,
    precision,
    scale: Math.min(scale, precision),
  })),
)

const { shape } = fc.letrec<{ shape: Shape }>(tie => ({
  shape: fc.oneof(
    { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
    primitive.map((type): Shape => ({ kind: 'primitive', type })),
    fc.record({
      kind: fc.constant('struct' as const),
      fields: fc.array(fc.record({ required: fc.boolean(), shape: tie('shape') }), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
    fc.record({ kind: fc.constant('list' as const), required: fc.boolean(), element: tie('shape') }),
    fc.record({
      kind: fc.constant('map' as const),
      key: primitive,
      required: fc.boolean(),
      value: tie('shape'),
    }),
  ),
}))

const schemaArbitrary: fc.Arbitrary<Schema> = fc
  .array(fc.record({ required: fc.boolean(), shape }), { minLength: 1, maxLength: 4 })
  .map(fields => {
    let nextId = 1
    const structFields = (members: typeof fields) =>
      members.map((member, i) => ({
        id: nextId++,
        name: `f${i}`,
        required: member.required,
        type: typed(member.shape),
      }))
    const typed = (of: Shape): IcebergType => {
      switch (of.kind) {
        case 'primitive':
          return of.type
        case 'struct':
          return { kind: 'struct', fields: structFields([...of.fields]) }
        case 'list':
          return {
            kind: 'list',
            elementId: nextId++,
            elementRequired: of.required,
            element: typed(of.element),
          }
        case 'map':
          return {
            kind: 'map',
            keyId: nextId++,
            key: of.key,
            valueId: nextId++,
            valueRequired: of.required,
            value: typed(of.value),
          }
      }
    }
    return { schemaId: 0, fields: structFields(fields) }
  })

/** A schema with up to 40 rows. Few distinct and many extreme values, so that bounds meet ties, zeros and carries. */
export const schemaAndRows: fc.Arbitrary<{ readonly schema: Schema; readonly rows: readonly Row[] }> =
  schemaArbitrary.chain(schema =>
    fc.record({
      schema: fc.constant(schema),
      rows: fc.array(fc.record(Object.fromEntries(schema.fields.map(field => [field.name, slot(field)]))), {
        minLength: 1,
        maxLength: 40,
      }),
    }),
  )

function slot(of: { readonly required: boolean; readonly type: IcebergType }): fc.Arbitrary<ColumnValue> {
  const value = valueFor(of.type)
  return of.required ? value : fc.option(value, { freq: 4, nil: null })
}

function valueFor(type: IcebergType): fc.Arbitrary<ColumnValue> {
  switch (type.kind) {
    case 'struct':
      return fc.record(Object.fromEntries(type.fields.map(field => [field.name, slot(field)])))
    case 'list':
      return fc.array(slot({ required: type.elementRequired, type: type.element }), { maxLength: 4 })
    case 'map':
      return fc.array(
        fc.tuple(valueFor(type.key), slot({ required: type.valueRequired, type: type.value })),
        {
          maxLength: 3,
        },
      )
    case 'boolean':
      return fc.boolean()
    case 'int':
    case 'date':
      return fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return fc.oneof(fc.bigInt({ min: -3n, max: 3n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
    case 'float':
      return fc.oneof(fc.constantFrom(0, -0, Number.NaN), fc.float())
    case 'double':
      return fc.oneof(fc.constantFrom(0, -0, Number.NaN), fc.double())
    case 'decimal': {
      const most = 10n ** BigInt(type.precision) - 1n
      return fc.bigInt({ min: -most, max: most })
    }
    case 'string':
      return fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.constantFrom(
          '',
          '\u{10ffff}'.repeat(17),
          '\ud7ff'.repeat(20),
          'same prefix, then 1',
          'same prefix, then 2',
        ),
      )
    case 'uuid':
      return fc.uuid()
    case 'fixed':
      return fc.uint8Array({ minLength: type.length, maxLength: type.length })
    case 'binary':
      return fc.oneof(fc.uint8Array({ maxLength: 24 }), fc.constant(new Uint8Array(20).fill(255)))
  }
}
