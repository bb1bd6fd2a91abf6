import { describe, expect, test } from 'vitest'
import { createArena } from '../../../shared/columns/arena.ts'
import { type BatchDecoderOptions, createBatchDecoder } from '../../../shared/decode/batch-decoder.ts'
import { metadataFields } from '../../../shared/decode/kafka-metadata.ts'
import { optional, required, rowsOf, schemaOf } from './decode-json.ts'
import { recordSlicesOf } from './record-slices-of.ts'

const source = { topic: 'orders', partition: 3 }
const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const noFailures = () => {
  throw new Error('no record fails here')
}

function decoderOf(options: Partial<BatchDecoderOptions> = {}) {
  const metadataMode = options.metadataMode ?? 'none'
  return createBatchDecoder({
    schema: schemaOf(optional('n', { kind: 'int' }), ...metadataFields(metadataMode)),
    format: 'json',
    fieldOptions: new Map(),
    unknownFields: 'ignore',
    metadataMode,
    maxRows: 1000,
    maxBytes: 1_000_000,
    ...options,
  })
}

const numbered = (count: number) =>
  recordSlicesOf(Array.from({ length: count }, (_, n) => ({ value: `{"n":${n}}` })))

describe('filling batches', () => {
  test('a full batch says where it stopped, and the next goes on there', () => {
    const decoder = decoderOf({ maxRows: 4 })
    const slices = numbered(10)
    const batches: unknown[] = []
    let next = 0
    while (next < 10) {
      next = decoder.append(slices, source, next, 10, noFailures)
      batches.push(rowsOf(decoder.take()).map(row => row.n))
      decoder.reset()
    }
    expect(batches).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ])
    expect(decoder.rowCount).toBe(0)
  })

  test('failed records take no room, and are reported with their index', () => {
    const decoder = decoderOf({ maxRows: 2 })
    const slices = recordSlicesOf(['{', '{"n":1}', 'x', '{"n":2}', '{"n":3}'].map(value => ({ value })))
    const failed: number[] = []
    expect(decoder.append(slices, source, 0, 5, index => failed.push(index))).toBe(4)
    expect([failed, decoder.rowCount]).toEqual([[0, 2], 2])
    expect(rowsOf(decoder.take())).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('a large record does not come on top of others, but into a batch of its own', () => {
    const schema = schemaOf(optional('s', { kind: 'string' }))
    const decoder = decoderOf({ schema, maxBytes: 800_000 })
    const values = [100, 700_000, 100].map(length => ({ value: `{"s":"${'x'.repeat(length)}"}` }))
    const slices = recordSlicesOf(values)
    expect(decoder.append(slices, source, 0, 3, noFailures)).toBe(3)
    decoder.reset()
    const many = recordSlicesOf([...values, ...values])
    expect(decoder.append(many, source, 0, 6, noFailures)).toBe(4)
    decoder.take()
    decoder.reset()
    expect(decoder.append(many, source, 4, 6, noFailures)).toBe(6)
  })

  test('a record that is larger than one may be is refused with its offset and what it would take', () => {
    const schema = schemaOf(optional('s', { kind: 'string' }))
    const decoder = decoderOf({ schema, maxRecordBytes: 1_000_000 })
    const slices = recordSlicesOf([{ value: '{}' }, { value: `{"s":"${'x'.repeat(2_000_000)}"}` }], 40n)
    expect(decoder.append(slices, source, 0, 2, noFailures)).toBe(1)
    decoder.reset()
    expect(() => decoder.append(slices, source, 1, 2, noFailures)).toThrow(
      expect.objectContaining({
        code: 'record-too-large',
        next: 'park',
        details: expect.objectContaining({ offset: 41n, maxBytes: 1_000_000 }),
        message: expect.stringMatching(/2\.0 times the memory \(limits\.worker_memory\)/),
      }),
    )
  })

  test('rows of a wide table are few at a time, though their text is short', () => {
    const wide = Array.from({ length: 5000 }, (_, i) => optional(`c${i}`, { kind: 'long' }))
    const arena = createArena({ maxBytes: 32 * 1024 * 1024 })
    const decoder = decoderOf({ schema: schemaOf(...wide), maxRows: 100_000, maxBytes: 4_000_000, arena })
    const slices = recordSlicesOf(Array.from({ length: 4000 }, () => ({ value: '{}' })))
    expect(decoder.append(slices, source, 0, 4000, noFailures)).toBeLessThan(300)
  })

  test('the limit in bytes ends a batch after the chunk that reached it', () => {
    const schema = schemaOf(optional('s', { kind: 'string' }))
    const decoder = decoderOf({ schema, maxBytes: 300_000 })
    const slices = recordSlicesOf(
      Array.from({ length: 100 }, () => ({ value: `{"s":"${'x'.repeat(100_000)}"}` })),
    )
    const next = decoder.append(slices, source, 0, 100, noFailures)
    expect(next).toBeGreaterThan(2)
    expect(next).toBeLessThan(12)
    expect(decoder.sizeBytes).toBeGreaterThan(300_000)
  })

  test('an empty batch takes a record larger than the limit', () => {
    const decoder = decoderOf({ schema: schemaOf(optional('s', { kind: 'string' })), maxBytes: 10 })
    expect(
      decoder.append(recordSlicesOf([{ value: '{"s":"longer than ten"}' }]), source, 0, 1, noFailures),
    ).toBe(1)
  })

  test('appending to a taken batch is refused', () => {
    const decoder = decoderOf()
    decoder.append(numbered(1), source, 0, 1, noFailures)
    decoder.take()
    expect(() => decoder.append(numbered(1), source, 0, 1, noFailures)).toThrow('reset')
  })

  test('only the records asked for are decoded', () => {
    const decoder = decoderOf()
    expect(decoder.append(numbered(10), source, 3, 5, noFailures)).toBe(5)
    expect(rowsOf(decoder.take())).toEqual([{ n: 3 }, { n: 4 }])
  })

  test('two decoders may share an arena, one at a time', () => {
    const arena = createArena()
    const [first, second] = [decoderOf({ arena }), decoderOf({ arena })]
    for (const decoder of [first, second, first, second]) {
      decoder.append(numbered(900), source, 0, 900, noFailures)
      expect(rowsOf(decoder.take())[899]).toEqual({ n: 899 })
      decoder.release()
    }
    expect(arena.reservedBytes).toBe(1024 * 1024)
  })
})

describe('metadata columns', () => {
  const headers = [
    ['trace', 'abc'],
    ['trace', null],
    ['é', ''],
  ] as const
  const records = [
    { key: 'k1', value: '{"n":1}', headers, timestampMs: 1_700_000_000_123 },
    { key: 'k2', value: 'broken' },
    { key: null, value: '{"n":3}', timestampMs: -1 },
  ]
  const first = {
    topic: 'orders',
    partition: 3,
    offset: 9_007_199_254_740_993n,
    timestamp: 1_700_000_000_123_000n,
    key: bytes('k1'),
    headers: [
      { key: 'trace', value: bytes('abc') },
      { key: 'trace', value: null },
      { key: 'é', value: bytes('') },
    ],
  }
  const third = { ...first, offset: 9_007_199_254_740_995n, timestamp: -1000n, key: null, headers: [] }
  const append = (options: Partial<BatchDecoderOptions>) => {
    const decoder = decoderOf(options)
    decoder.append(recordSlicesOf(records, 9_007_199_254_740_993n), source, 0, 3, () => undefined)
    return rowsOf(decoder.take())
  }

  test('struct: one column `_kafka` that keeps to its row when a neighbour fails', () => {
    expect(append({ metadataMode: 'struct' })).toEqual([
      { n: 1, _kafka: first },
      { n: 3, _kafka: third },
    ])
  })

  test('flat: a column for each part', () => {
    const flat = (metadata: object) =>
      Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`_kafka_${name}`, value]))
    expect(append({ metadataMode: 'flat' })).toEqual([
      { n: 1, ...flat(first) },
      { n: 3, ...flat(third) },
    ])
  })

  test('header keys that are not UTF-8 and timestamps outside what readers show are made to fit', () => {
    const decoder = decoderOf({ metadataMode: 'struct' })
    const odd = { value: '{}', headers: [[Uint8Array.of(0x61, 0xff), 'v']] as const, timestampMs: 9e18 }
    decoder.append(recordSlicesOf([odd]), source, 0, 1, noFailures)
    const [row] = rowsOf(decoder.take())
    expect(row?._kafka).toMatchObject({
      headers: [{ key: 'a\ufffd', value: bytes('v') }],
      timestamp: 253402300799999999n,
    })
  })
})

describe('raw', () => {
  const schema = schemaOf(optional('key', { kind: 'string' }), required('value', { kind: 'binary' }))

  test('keys and values come as they are', () => {
    const decoder = decoderOf({ schema, format: 'raw' })
    const records = [
      { key: 'é', value: Uint8Array.of(0xff, 0) },
      { key: null, value: '' },
    ]
    decoder.append(recordSlicesOf(records), source, 0, 2, noFailures)
    expect(rowsOf(decoder.take())).toEqual([
      { key: 'é', value: Uint8Array.of(0xff, 0) },
      { key: null, value: bytes('') },
    ])
  })

  test('text that is not UTF-8 and nulls in required columns fail', () => {
    const decoder = decoderOf({ schema, format: 'raw' })
    const records = [
      { key: Uint8Array.of(0xff), value: 'v' },
      { key: 'k', value: null },
      { key: 'k', value: 'v' },
    ]
    const failed: [number, string][] = []
    decoder.append(recordSlicesOf(records), source, 0, 3, (index, { code }) => failed.push([index, code]))
    expect(failed).toEqual([
      [0, 'invalid-utf8'],
      [1, 'null-value'],
    ])
    expect(rowsOf(decoder.take())).toEqual([{ key: 'k', value: bytes('v') }])
  })

  test('a tombstone is a null where the column is optional', () => {
    const decoder = decoderOf({ schema: schemaOf(optional('value', { kind: 'string' })), format: 'raw' })
    decoder.append(recordSlicesOf([{ value: null }]), source, 0, 1, noFailures)
    expect(rowsOf(decoder.take())).toEqual([{ value: null }])
  })

  test('any other field is refused when the decoder is made', () => {
    const wrong = [optional('payload', { kind: 'binary' }), optional('key', { kind: 'int' })]
    for (const field of wrong) {
      expect(() => decoderOf({ schema: schemaOf(field), format: 'raw' })).toThrow(
        expect.objectContaining({ code: 'raw-schema-mismatch' }),
      )
    }
  })
})

test('an option that a type cannot have is refused when the decoder is made', () => {
  expect(() => decoderOf({ fieldOptions: new Map([[1, { epochUnit: 'seconds' }]]) })).toThrow(
    expect.objectContaining({ code: 'field-option-mismatch' }),
  )
})
