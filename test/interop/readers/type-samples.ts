/**
 * Columns of every Iceberg v2 type that all readers have (Spark has no `time`), with two values each: as a record's JSON says them, and
 * in the canonical form of `canonical.py`, extremes among them.
 */
import type { IcebergType, NestedField } from '../../../shared/iceberg/schema.ts'

export const field = (name: string, type: IcebergType, required = false): NestedField => ({
  id: 0,
  name,
  required,
  type,
})

/** What a record's JSON says, beside what every reader must say of it. */
interface Sample {
  readonly name: string
  readonly type: IcebergType
  readonly values: readonly (readonly [json: string, canonical: unknown])[]
}

const SAMPLES: readonly Sample[] = [
  {
    name: 'bool',
    type: { kind: 'boolean' },
    values: [
      ['true', true],
      ['false', false],
    ],
  },
  {
    name: 'int',
    type: { kind: 'int' },
    values: [
      ['2147483647', 2147483647],
      ['-2147483648', -2147483648],
    ],
  },
  {
    name: 'long',
    type: { kind: 'long' },
    values: [
      ['9223372036854775807', '9223372036854775807'],
      ['-9223372036854775808', '-9223372036854775808'],
    ],
  },
  {
    name: 'float',
    type: { kind: 'float' },
    values: [
      ['0.1', Math.fround(0.1)],
      ['-1.5e-30', Math.fround(-1.5e-30)],
    ],
  },
  {
    name: 'double',
    type: { kind: 'double' },
    values: [
      ['5e-324', 5e-324],
      ['-0.0', -0],
    ],
  },
  {
    name: 'dec9',
    type: { kind: 'decimal', precision: 9, scale: 2 },
    values: [
      ['1234567.89', '1234567.89'],
      ['-9999999.99', '-9999999.99'],
    ],
  },
  {
    name: 'dec18',
    type: { kind: 'decimal', precision: 18, scale: 0 },
    values: [
      ['"999999999999999999"', '999999999999999999'],
      ['-1', '-1'],
    ],
  },
  {
    name: 'dec38',
    type: { kind: 'decimal', precision: 38, scale: 10 },
    values: [
      ['9999999999999999999999999999.9999999999', '9999999999999999999999999999.9999999999'],
      ['-9999999999999999999999999999.9999999999', '-9999999999999999999999999999.9999999999'],
    ],
  },
  {
    name: 'date',
    type: { kind: 'date' },
    values: [
      ['"0001-01-01"', '0001-01-01'],
      ['"9999-12-31"', '9999-12-31'],
    ],
  },
  {
    name: 'ts',
    type: { kind: 'timestamp' },
    values: [
      ['"1969-12-31T23:59:59.999999"', '1969-12-31T23:59:59.999999'],
      ['"9999-12-31T23:59:59.999999"', '9999-12-31T23:59:59.999999'],
    ],
  },
  {
    name: 'tz',
    type: { kind: 'timestamptz' },
    values: [
      ['"2026-02-03T04:05:06.000007+05:30"', '2026-02-02T22:35:06.000007+00:00'],
      ['"1900-01-01T00:00:00Z"', '1900-01-01T00:00:00.000000+00:00'],
    ],
  },
  {
    name: 'text',
    type: { kind: 'string' },
    values: [
      ['"Größe 🧊 \\u0000\\n"', 'Größe 🧊 \u0000\n'],
      ['""', ''],
    ],
  },
  {
    name: 'uuid',
    type: { kind: 'uuid' },
    values: [
      ['"f79c3e09-677c-4bbd-a479-3f349cb785e7"', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'],
      ['"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ],
  },
  {
    name: 'fixed',
    type: { kind: 'fixed', length: 4 },
    values: [
      ['"AP8BAg=="', '00ff0102'],
      ['"/////w=="', 'ffffffff'],
    ],
  },
  {
    name: 'bin',
    type: { kind: 'binary' },
    values: [
      ['"AP8="', '00ff'],
      ['""', ''],
    ],
  },
  {
    name: 'customer',
    type: {
      kind: 'struct',
      fields: [
        field('name', { kind: 'string' }, true),
        field('born', { kind: 'date' }),
        field('place', { kind: 'struct', fields: [field('lat', { kind: 'double' })] }),
      ],
    },
    values: [
      ['{"name":"Ada","born":null,"place":{"lat":1.5}}', { name: 'Ada', born: null, place: { lat: 1.5 } }],
      ['{"name":"","born":"1815-12-10"}', { name: '', born: '1815-12-10', place: null }],
    ],
  },
  {
    name: 'tags',
    type: { kind: 'list', elementId: 0, elementRequired: false, element: { kind: 'string' } },
    values: [
      ['["a",null,""]', ['a', null, '']],
      ['[]', []],
    ],
  },
  {
    name: 'lines',
    type: {
      kind: 'list',
      elementId: 0,
      elementRequired: true,
      element: {
        kind: 'struct',
        fields: [
          field('sku', { kind: 'uuid' }, true),
          field('prices', {
            kind: 'list',
            elementId: 0,
            elementRequired: true,
            element: { kind: 'decimal', precision: 12, scale: 2 },
          }),
        ],
      },
    },
    values: [
      [
        '[{"sku":"00000000-0000-0000-0000-0000000000ff","prices":[1.25,-0.01]},{"sku":"f79c3e09-677c-4bbd-a479-3f349cb785e7"}]',
        [
          { sku: '00000000-0000-0000-0000-0000000000ff', prices: ['1.25', '-0.01'] },
          { sku: 'f79c3e09-677c-4bbd-a479-3f349cb785e7', prices: null },
        ],
      ],
      ['[]', []],
    ],
  },
  {
    name: 'counts',
    type: {
      kind: 'map',
      keyId: 0,
      key: { kind: 'string' },
      valueId: 0,
      valueRequired: false,
      value: { kind: 'struct', fields: [field('n', { kind: 'long' })] },
    },
    values: [
      [
        '{"b":{"n":9007199254740993},"a":null}',
        [
          ['a', null],
          ['b', { n: '9007199254740993' }],
        ],
      ],
      ['{}', []],
    ],
  },
]

export const FIELDS = [
  field('id', { kind: 'long' }, true),
  ...SAMPLES.map(sample => field(sample.name, sample.type)),
]
export const rowJson = (id: number, pick: number) =>
  `{"id":${id},${SAMPLES.map(({ name, values }) => `"${name}":${values[pick]?.[0]}`).join()}}`
/** `pick`: which of a column's values, 0 or 1. */
export const rowExpected = (id: number, pick: number) => ({
  id: String(id),
  ...Object.fromEntries(SAMPLES.map(({ name, values }) => [name, values[pick]?.[1]])),
})
export const nullExpected = (id: number) => ({
  id: String(id),
  ...Object.fromEntries(SAMPLES.map(({ name }) => [name, null])),
})
