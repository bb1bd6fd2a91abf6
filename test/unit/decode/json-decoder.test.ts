import { describe, expect, test } from 'vitest'
import { createArena } from '../../../shared/columns/arena.ts'
import { createBatchBuilder } from '../../../shared/columns/batch-builder.ts'
import { createJsonDecoder } from '../../../shared/decode/json-decoder.ts'
import type { IcebergType } from '../../../shared/iceberg/schema.ts'
import { decodeJson, listOf, mapOf, optional, required, schemaOf, structOf } from './decode-json.ts'
import { recordSlicesOf } from './record-slices-of.ts'

/** `decodeJson` holds the scanner against its plain twin at every call; here are the forms that only the scanner treats apart. */
const wide = schemaOf(
  ...Array.from({ length: 130 }, (_, i) =>
    i % 3 === 0 ? required(`c${i}`, { kind: 'int' }) : optional(`c${i}`, { kind: 'string' }),
  ),
)

const wideRow = (i: number, only: (column: number) => boolean = () => true) =>
  Object.fromEntries(
    Array.from({ length: 130 }, (_, column): [string, number | string] => [
      `c${column}`,
      column % 3 === 0 ? i + column : `v${i}`,
    ]).filter((_, column) => only(column)),
  )

describe('the order of keys', () => {
  const rows = Array.from({ length: 100 }, (_, i) => ({
    a: i,
    b: `text ${i}`,
    c: { d: i / 4, e: [i, i + 1] },
  }))
  const schema = schemaOf(
    optional('a', { kind: 'int' }),
    optional('b', { kind: 'string' }),
    optional('c', structOf(optional('d', { kind: 'double' }), optional('e', listOf({ kind: 'long' })))),
  )
  const expected = rows.map(({ a, b, c }) => ({ a, b, c: { d: c.d, e: c.e.map(BigInt) } }))

  test('does not matter, nor does white space', () => {
    const texts = rows.map(({ a, b, c }, i) => {
      if (i % 4 === 0) return JSON.stringify({ a, b, c })
      if (i % 4 === 1) return JSON.stringify({ c: { e: c.e, d: c.d }, b, a })
      if (i % 4 === 2) return JSON.stringify({ b, c, a }, null, 2)
      return `\r\n{ "c" :{"d":${c.d} , "e" : [ ${c.e.join(' , ')} ] } ,"a": ${a},"b":"${b}"}\t`
    })
    expect(decodeJson(schema, texts).rows).toEqual(expected)
  })

  test('may hold unknown keys of every kind anywhere', () => {
    const unknown = [
      '1',
      '-1.5e3',
      '"x\\n\\u00e9é"',
      'null',
      'true',
      'false',
      '[]',
      '[1,[2,{"a":[]}]]',
      '{}',
      '{"a":{"b":"}"}}',
    ]
    const texts = rows.map(({ a, b, c }, i) => {
      const extra = `"x${i % 3}":${unknown[i % unknown.length]}`
      return `{${extra},"a":${a},"y":${extra.slice(5)},"b":"${b}","c":{"d":${c.d},${extra},"e":[${c.e}]},"é":"é"}`
    })
    expect(decodeJson(schema, texts).rows).toEqual(expected)
  })

  test('of wide schemas may leave columns out, and every column comes out right', () => {
    const kept = (i: number) => (column: number) => column % 3 === 0 || (column * 7 + i) % 5 !== 0
    const records = Array.from({ length: 60 }, (_, i) => wideRow(i, i % 2 === 0 ? kept(i) : () => true))
    const { rows } = decodeJson(
      wide,
      records.map(record => JSON.stringify(record)),
    )
    const absent = Object.fromEntries(Array.from({ length: 130 }, (_, column) => [`c${column}`, null]))
    expect(rows).toEqual(records.map(record => ({ ...absent, ...record })))
  })

  test('of wide schemas in reverse, with a required column missing and one twice', () => {
    const reversed = Object.fromEntries(Object.entries(wideRow(1)).reverse())
    const missing = JSON.stringify(wideRow(2, column => column !== 99))
    const twice = JSON.stringify(wideRow(3)).replace('{', '{"c100":"again",')
    const { rows, failures } = decodeJson(wide, [
      JSON.stringify(wideRow(0)),
      JSON.stringify(reversed),
      missing,
      twice,
    ])
    expect(rows).toEqual([wideRow(0), wideRow(1)])
    expect([failures.get(2)?.code, failures.get(3)?.code]).toEqual(['missing-required', 'duplicate-key'])
  })
})

describe('what the scanner must not take', () => {
  const schema = schemaOf(optional('a', { kind: 'int' }), optional('s', { kind: 'string' }))
  const good = '{"a":1,"s":"x"}'

  test('text that ends inside a value, whatever follows in the buffer', () => {
    const whole = '{"a":12345,"s":"some text"}'
    const cut = Array.from({ length: whole.length - 1 }, (_, i) => whole.slice(0, i + 1))
    const { failures, rows } = decodeJson(schema, [good, ...cut.flatMap(text => [text, good])])
    expect(failures.size).toBe(cut.length)
    expect(rows.length).toBe(cut.length + 1)
  })

  test('two records run together', () => {
    expect(decodeJson(schema, [good, good + good, `${good},`, `[${good}]`]).failures.size).toBe(3)
  })

  test('a record at the very end of the buffer with digits in the padding', () => {
    const builder = createBatchBuilder(schema.fields, createArena())
    builder.ensureRows(1)
    const decoder = createJsonDecoder({ builder, fieldOptions: new Map(), unknownFields: 'ignore' })
    const slices = recordSlicesOf([{ value: '{"a":1' }])
    slices.bytes.fill(49, slices.byteLength)
    const codes: string[] = []
    const added = decoder.decode(slices, { from: 0, to: 1, row: 0 }, new Int32Array(1), (_, { code }) =>
      codes.push(code),
    )
    expect([added, codes]).toEqual([0, ['not-json']])
  })
})

describe('strings', () => {
  const schema = schemaOf(optional('s', { kind: 'string' }))

  test('of every length around the sizes that are copied at once, plain and not', () => {
    const texts = Array.from({ length: 560 }, (_, length) => [
      'x'.repeat(length),
      `${'x'.repeat(length)}é${'y'.repeat(5)}`,
      `${'é'.repeat(length)}"\n`,
    ]).flat()
    const { rows } = decodeJson(
      schema,
      texts.map(s => JSON.stringify({ s })),
    )
    expect(rows.map(row => row.s)).toEqual(texts)
  })

  test('of a megabyte', () => {
    const text = 'plain and é\n'.repeat(100_000)
    expect(decodeJson(schema, [JSON.stringify({ s: text })]).rows).toEqual([{ s: text }])
  })
})

test('maps with few and many entries, nested and with keys that repeat', () => {
  const schema = schemaOf(
    optional('m', mapOf({ kind: 'string' }, mapOf({ kind: 'string' }, listOf({ kind: 'int' })))),
  )
  const entries = (count: number, value: string) =>
    `{${Array.from({ length: count }, (_, i) => `"k${i}":${value}`).join(',')}}`
  const texts = [0, 1, 16, 17, 18, 40].map(count => `{"m":${entries(3, entries(count, '[1,null]'))}}`)
  const { rows, failures } = decodeJson(schema, [
    ...texts,
    '{"m":{"a":{"b":[],"b":[]}}}',
    `{"m":${entries(20, 'null')}}`,
  ])
  expect(rows.map(({ m }) => (Array.isArray(m) ? m.length : m))).toEqual([3, 3, 3, 3, 3, 3, 20])
  expect(failures.get(6)?.message).toBe('$.m.a.b: the map already has the key "b"')
})

test('a schema nested deeper than JSON may be compiles, and such values are refused', () => {
  let type: IcebergType = { kind: 'int' }
  for (let depth = 0; depth < 70; depth++) type = listOf(type)
  const nested = (depth: number) => `{"l":${'['.repeat(depth)}${']'.repeat(depth)}}`
  const { failures } = decodeJson(schemaOf(optional('l', type)), [nested(63), nested(64)])
  expect([failures.get(0)?.code, failures.get(1)?.code]).toEqual([undefined, 'too-deep'])
})

test('when the order of keys changes for good, it is learned anew and the rows stay right', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const schema = schemaOf(...names.map(name => optional(name, { kind: 'int' })))
  const builder = createBatchBuilder(schema.fields, createArena())
  const decoder = createJsonDecoder({ builder, fieldOptions: new Map(), unknownFields: 'ignore' })
  const textOf = (order: string[]) =>
    `{${order.map((name, i) => `"${name}":${names.indexOf(name) + i * 0}`).join(',')}}`
  const before = recordSlicesOf(Array(10).fill({ value: textOf(names) }))
  const after = recordSlicesOf(Array(25_000).fill({ value: textOf(names.toReversed()) }))
  const rowRecords = new Int32Array(25_000)
  const fail = () => {
    throw new Error('no record fails')
  }
  builder.ensureRows(25_000)
  decoder.decode(before, { from: 0, to: 10, row: 0 }, rowRecords, fail)
  decoder.decode(after, { from: 0, to: 25_000, row: 0 }, rowRecords, fail)
  const rows = decoder.decode(after, { from: 0, to: 100, row: 0 }, rowRecords, fail)
  expect(builder.take(rows).columns.map(column => column.layout === 'fixed' && column.data[0])).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7,
  ])
})
