import { describe, expect, it } from 'vitest'
import { errorsOf, fileWithTable, tableErrors, tableOf } from './fixtures.ts'

const fields = (...columns: string[]) =>
  `schema: { fields: [ ${columns.map(column => `{ ${column} }`).join(', ')} ] }`

describe('columns', () => {
  it('may be nested in every way', () => {
    const table = tableOf(
      fields(
        'name: a, type: list, element: { type: list, element: { type: map, key: long, value: { type: struct, fields: [ { name: x, type: binary, binary_encoding: hex } ] }, value_required: true } }',
        'name: b, type: list, element: date, element_required: true',
        'name: c, type: map, key: string, value: { type: timestamp, required: true, epoch_unit: seconds }',
      ),
    )
    expect(table.fields.map(field => field.type)).toEqual([
      {
        kind: 'list',
        elementId: 0,
        elementRequired: false,
        element: {
          kind: 'list',
          elementId: 0,
          elementRequired: false,
          element: {
            kind: 'map',
            keyId: 0,
            key: { kind: 'long' },
            valueId: 0,
            valueRequired: true,
            value: {
              kind: 'struct',
              fields: [{ id: 0, name: 'x', required: false, type: { kind: 'binary' } }],
            },
          },
        },
      },
      { kind: 'list', elementId: 0, elementRequired: true, element: { kind: 'date' } },
      {
        kind: 'map',
        keyId: 0,
        key: { kind: 'string' },
        valueId: 0,
        valueRequired: true,
        value: { kind: 'timestamp' },
      },
    ])
    expect(table.fieldOptions).toEqual(
      new Map([
        ['a.element.element.value.x', { binaryEncoding: 'hex' }],
        ['c.value', { epochUnit: 'seconds' }],
      ]),
    )
  })

  it.each([
    [
      ['name: a, type: "decimal(40,2)"'],
      /fields\[0\].type: expected decimal\(p,s\) with a precision from 1 to 38/,
    ],
    [['name: a, type: decimal(12,2)'], /the type is cut in two before `2\)`/],
    [['name: a, type: struct'], /a struct needs at least one field/],
    [['name: a, type: struct, fields: []'], /fields\[0\].fields: a struct needs at least one field/],
    [['name: a, type: list'], /a list needs `element`/],
    [['name: a, type: map, key: string'], /a map needs `value`/],
    [
      ['name: a, type: map, key: { type: list, element: int }, value: int'],
      /the key of a map cannot be a list/,
    ],
    [
      ['name: a, type: map, key: { type: string, required: false }, value: int'],
      /the key of a map is always required/,
    ],
    [['name: a, type: int', 'name: a, type: int'], /fields\[1\].name: column `a` is declared twice/],
    [['name: a, type: int', 'name: A, type: int'], /columns `a` and `A` differ only in case/],
    [
      ['name: s, type: struct, fields: [ { name: a, type: int }, { name: A, type: int } ]'],
      /fields\[0\].fields\[1\].name: columns/,
    ],
    [
      ['name: a, type: int, id: 1', 'name: b, type: int, id: 1'],
      /fields\[1\].id: field id 1 is given to two columns/,
    ],
    [['name: a, type: int, fields: [ { name: b, type: int } ]'], /`fields` means nothing for type int/],
    [['name: a, type: string, element: int'], /`element` means nothing for type string/],
    [['name: a, type: string, epoch_unit: millis'], /`epoch_unit` means nothing for type string/],
    [['name: a, type: timestamp, epoch_unit: days'], /epoch_unit: days` is for type date only/],
    [['name: a, type: string, binary_encoding: hex'], /`binary_encoding` means nothing for type string/],
    [['name: a, type: binary, binary_encoding: base65'], /expected one of base64, hex/],
    [['name: "", type: int'], /fields\[0\].name: expected the name of the column/],
    [['name: a, type: int, nullable: true'], /unknown key `nullable`/],
    [['name: _kafka, type: int'], /column `_kafka` clashes/],
    [['name: _Kafka, type: int'], /column `_Kafka` clashes/],
  ])('%j are refused', (columns, message) => {
    const errors = tableErrors(fields(...columns))
    expect(errors.join('\n')).toMatch(message)
    expect(errors).toHaveLength(1)
  })

  it('may be called _kafka when the metadata columns are flat or left out, and _kafka_offset when they are not flat', () => {
    expect(tableErrors(`${fields('name: _kafka, type: int')}\nmetadata_columns: none`)).toEqual([])
    expect(tableErrors(`${fields('name: _kafka, type: int')}\nmetadata_columns: flat`)).toEqual([])
    expect(tableErrors(fields('name: _kafka_offset, type: int'))).toEqual([])
    expect(tableErrors(`${fields('name: _kafka_offset, type: int')}\nmetadata_columns: flat`)).toHaveLength(1)
  })

  it('are refused beyond the greatest depth', () => {
    let type = 'int'
    for (let i = 0; i < 40; i++) type = `{ type: list, element: ${type} }`
    expect(tableErrors(fields(`name: a, type: list, element: ${type}`)).join()).toMatch(
      /nested more than 32 deep/,
    )
  })

  it('are required for json', () => {
    expect(errorsOf(fileWithTable('').replace(/ +schema: .*\n/, '')).map(error => error.message)).toEqual([
      '`schema.fields` is missing: a table needs at least one column',
    ])
    expect(tableErrors('schema: { fields: [] }')).toEqual([expect.stringMatching(/at least one column/)])
    expect(tableErrors('schema: {}')).toEqual([expect.stringMatching(/`fields` is missing/)])
  })

  it('of raw tables are key and value, binary or string', () => {
    expect(
      tableErrors(`source_format: raw\n${fields('name: key, type: long', 'name: other, type: string')}`),
    ).toEqual([
      expect.stringMatching(/column `key` of a raw table is binary or string/),
      expect.stringMatching(/only the columns `key` and `value`/),
    ])
  })
})

describe('partition_by', () => {
  const columns = fields(
    'name: at, type: timestamptz',
    'name: day, type: date',
    'name: name, type: string',
    'name: ratio, type: double',
    'name: tags, type: list, element: string',
    'name: customer, type: struct, fields: [ { name: country, type: string } ]',
  )
  it('takes every transform', () => {
    const text =
      '"hour(at)", day, "bucket(16, name)", "truncate(3, customer.country)", "void(ratio)", _kafka.partition'
    const table = tableOf(`${columns}\npartition_by: [ ${text} ]`)
    expect(table.partitionBy).toEqual([
      { transform: { kind: 'hour' }, column: 'at' },
      { transform: { kind: 'identity' }, column: 'day' },
      { transform: { kind: 'bucket', buckets: 16 }, column: 'name' },
      { transform: { kind: 'truncate', width: 3 }, column: 'customer.country' },
      { transform: { kind: 'void' }, column: 'ratio' },
      { transform: { kind: 'identity' }, column: '_kafka.partition' },
    ])
  })

  it.each([
    ['day(name)', /day does not take `name`, which is a string/],
    ['hour(day)', /hour does not take `day`, which is a date/],
    ['bucket(4, ratio)', /bucket does not take `ratio`/],
    ['truncate(4, day)', /truncate does not take `day`/],
    ['tags', /cannot be partitioned by `tags`, which is a list/],
    ['customer', /cannot be partitioned by `customer`, which is a struct/],
    ['tags.element', /there is no column `tags.element` outside lists and maps/],
    ['naem', /there is no column `naem`/],
    ['bucket(name)', /not understood/],
    ['bucket(0, name)', /not understood/],
    ['weekday(at)', /not understood/],
  ])('refuses %s', (term, message) => {
    expect(tableErrors(`${columns}\npartition_by: [ "${term}" ]`)).toEqual([
      expect.stringMatching(new RegExp(`^partition_by\\[0\\]: .*${message.source}`)),
    ])
  })

  it('refuses terms that are redundant together', () => {
    expect(tableErrors(`${columns}\npartition_by: [ "day(at)", "hour(at)" ]`)).toEqual([
      expect.stringMatching(/^partition_by: .*redundant/),
    ])
  })
})

describe('tables', () => {
  const two = (first: string, second: string) =>
    `${fileWithTable(`name: ${first}`)}  - { name: ${second}, source: s, source_topic: t, schema: { fields: [ { name: id, type: long } ] } }\n`

  it.each([
    ['a.t', 'a.t', /table `a.t` is declared twice/],
    ['a.t', 'A.T', /differ only in case/],
    ['a.t', 'a.t.x', /`a.t` is a table, so it cannot be the namespace of another/],
    ['a.t', 'a.t__dlq', /names that end in __dlq are kept for dead letters/],
    ['a.t', 'orders', /expected namespace and name/],
    ['a.t', 'a..t', /expected namespace and name/],
    ['a.t', '../t', /expected namespace and name/],
  ])('%s beside %s is refused', (first, second, message) => {
    expect(errorsOf(two(first, second)).map(error => error.message)).toEqual([expect.stringMatching(message)])
  })

  it('may share a namespace and a topic', () => {
    expect(errorsOf(two('a.t', 'a.t2'))).toEqual([])
  })

  it.each([
    ['sort_by: [ id ]', /`sort_by` is designed but not built/],
    ['retention_ttl: 30d', /`retention_ttl` is designed but not built/],
    ['source_format: avro', /`source_format: avro` is designed but not built/],
    ['source_format: protobuf', /`source_format: protobuf` is designed but not built/],
    ['schema_mode: registry', /`schema_mode: registry` is designed but not built/],
    ['schema_mode: infer', /`schema_mode: infer` is designed but not built/],
    ['catalogs: [ lake ]', /there is no catalog `lake`/],
    ['catalogs: []', /at least one entry/],
    ['properties: { gc.enabled: true }', /`gc.enabled` is set by Tidewater/],
    ['properties: { tidewater.x: 1 }', /`tidewater.x` is set by Tidewater/],
    ['properties: { a: [ 1 ] }', /expected text, a number, true or false, found a list/],
    ['snapshot_retention: { min_count: 9, max_count: 3 }', /min_count \(9\) is larger than max_count \(3\)/],
    ['start_from: newest', /expected one of earliest, latest/],
    ['start_from: {}', /exactly one of timestamp and offsets/],
    ['start_from: { timestamp: "2026-01-01" }', /expected a time with its zone/],
    ['start_from: { timestamp: "2026-99-01T00:00:00Z" }', /expected a time with its zone/],
    ['start_from: { offsets: { x: 1 } }', /expected a partition number as key/],
    ['start_from: { offsets: { 0: -1 } }', /expected an offset/],
    ['target_file_size: 1KB', /range 1MiB to 4GiB/],
    ['source_topic: "a/b"', /name of a Kafka topic/],
  ])('%s is refused', (line, message) => {
    expect(tableErrors(line)).toEqual([expect.stringMatching(message)])
  })
})
