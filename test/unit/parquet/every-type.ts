/** One schema with every Iceberg v2 type, nested and not, and rows for it with nulls, empties and extremes. */
import type { NestedField, PrimitiveType } from '../../../shared/iceberg/schema.ts'
import { type Row, schemaOf } from './batches.ts'

const PRIMITIVES: readonly PrimitiveType[] = [
  { kind: 'boolean' },
  { kind: 'int' },
  { kind: 'long' },
  { kind: 'float' },
  { kind: 'double' },
  { kind: 'decimal', precision: 9, scale: 2 },
  { kind: 'decimal', precision: 18, scale: 0 },
  { kind: 'decimal', precision: 38, scale: 10 },
  { kind: 'date' },
  { kind: 'time' },
  { kind: 'timestamp' },
  { kind: 'timestamptz' },
  { kind: 'string' },
  { kind: 'uuid' },
  { kind: 'fixed', length: 3 },
  { kind: 'binary' },
]

const primitiveFields: readonly NestedField[] = PRIMITIVES.map((type, i) => ({
  id: i + 1,
  name: `${type.kind}_${i}`,
  required: false,
  type,
}))

const nestedFields: readonly NestedField[] = [
  { id: 20, name: 'key', required: true, type: { kind: 'long' } },
  {
    id: 21,
    name: 'customer',
    required: false,
    type: {
      kind: 'struct',
      fields: [
        { id: 22, name: 'id', required: true, type: { kind: 'uuid' } },
        { id: 23, name: 'country', required: false, type: { kind: 'string' } },
      ],
    },
  },
  {
    id: 24,
    name: 'tags',
    required: false,
    type: { kind: 'list', elementId: 25, elementRequired: false, element: { kind: 'string' } },
  },
  {
    id: 26,
    name: 'lines',
    required: true,
    type: {
      kind: 'list',
      elementId: 27,
      elementRequired: true,
      element: {
        kind: 'struct',
        fields: [
          { id: 28, name: 'sku', required: true, type: { kind: 'string' } },
          { id: 29, name: 'price', required: false, type: { kind: 'decimal', precision: 20, scale: 4 } },
        ],
      },
    },
  },
  {
    id: 30,
    name: 'counts',
    required: false,
    type: {
      kind: 'map',
      keyId: 31,
      key: { kind: 'long' },
      valueId: 32,
      valueRequired: false,
      value: { kind: 'list', elementId: 33, elementRequired: false, element: { kind: 'uuid' } },
    },
  },
]

export const EVERY_TYPE_SCHEMA = schemaOf(...primitiveFields, ...nestedFields)

const UUID = 'f79c3e09-677c-4bbd-a479-3f349cb785e7'
const UUID_2 = '00000000-0000-0000-0000-0000000000ff'

/** In the order of `PRIMITIVES`. */
const PRIMITIVE_VALUES: readonly (readonly Row[string][])[] = [
  [
    true,
    7,
    7n,
    1.5,
    Math.PI,
    -99n,
    10n ** 17n,
    10n ** 37n,
    20_000,
    1n,
    1_700_000_000_000_000n,
    -1n,
    'é😀',
    UUID,
    Uint8Array.of(1, 2, 3),
    Uint8Array.of(),
  ],
  [
    false,
    -(2 ** 31),
    -(2n ** 63n),
    -0,
    Number.NEGATIVE_INFINITY,
    -999_999_999n,
    -(10n ** 18n) + 1n,
    -(10n ** 38n) + 1n,
    -719_162,
    0n,
    -(2n ** 63n),
    0n,
    '',
    UUID_2,
    Uint8Array.of(255, 0, 255),
    Uint8Array.of(0, 255),
  ],
  [
    true,
    2 ** 31 - 1,
    2n ** 63n - 1n,
    Number.NaN,
    5e-324,
    999_999_999n,
    10n ** 18n - 1n,
    10n ** 38n - 1n,
    2_932_896,
    86_399_999_999n,
    2n ** 63n - 1n,
    2n ** 53n + 1n,
    'x'.repeat(100),
    UUID,
    Uint8Array.of(0, 0, 0),
    new Uint8Array(300).fill(200),
  ],
]

export const EVERY_TYPE_ROWS: readonly Row[] = [
  {
    ...primitives(0),
    key: 1n,
    customer: { id: UUID, country: 'FI' },
    tags: ['a', null, ''],
    lines: [
      { sku: 's1', price: 12_345_678_901_234_567_890n },
      { sku: 's2', price: null },
    ],
    counts: [
      [2n ** 60n, [UUID, null]],
      [-5n, []],
      [3n, null],
    ],
  },
  { ...primitives(1), key: 2n, customer: { id: UUID_2, country: null }, tags: [], lines: [], counts: [] },
  { ...nulls(), key: 3n, customer: null, tags: null, lines: [{ sku: '', price: -1n }], counts: null },
  { ...primitives(2), key: -(2n ** 63n), customer: null, tags: ['z'], lines: [], counts: [[0n, [UUID_2]]] },
]

function primitives(variant: number): Row {
  return Object.fromEntries(
    primitiveFields.map((field, i) => [field.name, PRIMITIVE_VALUES[variant]?.[i] ?? null]),
  )
}

function nulls(): Row {
  return Object.fromEntries(primitiveFields.map(field => [field.name, null]))
}
