import { describe, expect, test } from 'vitest'
import { parseRecords } from '../../../shared/segment/record-parser.ts'
import { parseRecordsSimply } from '../../../shared/segment/record-parser-simple.ts'
import { createRecordSlices } from '../../../shared/segment/record-slices-buffer.ts'
import { BASE_TIMESTAMP_MS, encodeRecords, headerFor, inputFor, outcomeOf } from '../../fakes/raw-batches.ts'
import { appErrorOf, utf8 } from '../../fakes/segment-rows.ts'

const T = BASE_TIMESTAMP_MS
const hex = (text: string) => Buffer.from(text).toString('hex')

describe.each([
  ['the tuned parser', parseRecords],
  ['its plain twin', parseRecordsSimply],
])('%s', (_, parse) => {
  const rows = (encoded: Uint8Array, header: Parameters<typeof headerFor>[0]) =>
    outcomeOf(parse, inputFor(encoded, headerFor(header)))
  const refusal = (encoded: Uint8Array | number[], header: Parameters<typeof headerFor>[0]) =>
    appErrorOf(() => parse(inputFor(Uint8Array.from(encoded), headerFor(header)), createRecordSlices()))

  test('null and empty keys and values stay apart, headers keep order, repeats and nulls', () => {
    const encoded = encodeRecords([
      { timestampMs: T, key: null, value: null },
      { timestampMs: T + 1, key: utf8(''), value: utf8('') },
      {
        timestampMs: T - 5,
        key: utf8('ключ'),
        value: utf8('v'.repeat(300)),
        headers: [
          { key: utf8('h'), value: utf8('1') },
          { key: utf8('h'), value: null },
          { key: utf8(''), value: utf8('') },
        ],
      },
    ])
    expect(rows(encoded, { recordCount: 3 })).toEqual([
      { offset: 1000n, timestampMs: T, key: null, value: null, headers: [] },
      { offset: 1001n, timestampMs: T + 1, key: '', value: '', headers: [] },
      {
        offset: 1002n,
        timestampMs: T - 5,
        key: hex('ключ'),
        value: hex('v'.repeat(300)),
        headers: [
          [hex('h'), hex('1')],
          [hex('h'), null],
          ['', ''],
        ],
      },
    ])
  })

  test('with log-append time every record has the batch maximum, deltas notwithstanding', () => {
    const encoded = encodeRecords([
      { timestampMs: T, key: null, value: null },
      { timestampMs: T + 7, key: null, value: null },
    ])
    expect(rows(encoded, { recordCount: 2, timestampType: 'log-append', maxTimestampMs: 42 })).toMatchObject([
      { timestampMs: 42 },
      { timestampMs: 42 },
    ])
  })

  test('holes between offsets are kept', () => {
    const record = { timestampMs: T, key: null, value: null }
    const encoded = encodeRecords([
      { ...record, offsetDelta: 2 },
      { ...record, offsetDelta: 200 },
      { ...record, offsetDelta: 70_000 },
    ])
    expect(rows(encoded, { recordCount: 3, lastOffsetDelta: 80_000 })).toMatchObject([
      { offset: 1002n },
      { offset: 1200n },
      { offset: 71_000n },
    ])
  })

  test.each([0, 63, 64, 8191, 8192, 2 ** 20, 2 ** 27, 2 ** 31, 2 ** 40, 2 ** 48, 2 ** 50])(
    'timestamp deltas of plus and minus %i ms are exact',
    delta => {
      const encoded = encodeRecords([
        { timestampMs: T + delta, key: null, value: utf8('a') },
        { timestampMs: T - delta, key: null, value: utf8('b') },
      ])
      expect(rows(encoded, { recordCount: 2 })).toMatchObject([
        { timestampMs: T + delta, value: hex('a') },
        { timestampMs: T - delta, value: hex('b') },
      ])
    },
  )

  test('values longer than each width of length varint come back whole', () => {
    const sizes = [63, 64, 8191, 8192, 1_048_575, 1_048_576]
    const encoded = encodeRecords(
      sizes.map(size => ({ timestampMs: T, key: new Uint8Array(size), value: new Uint8Array(size).fill(7) })),
    )
    const slices = createRecordSlices()
    parse(inputFor(encoded, headerFor({ recordCount: sizes.length })), slices)
    sizes.forEach((size, i) => {
      expect((slices.keyEnds[i] ?? 0) - (slices.keyStarts[i] ?? 0)).toBe(size)
      expect((slices.valueEnds[i] ?? 0) - (slices.valueStarts[i] ?? 0)).toBe(size)
    })
  })

  test('a batch of no records has none', () => {
    expect(rows(new Uint8Array(0), { recordCount: 0, lastOffsetDelta: 5 })).toEqual([])
  })

  // Length, attributes, timestamp delta, offset delta, null key, null value, no headers.
  const RECORD = [12, 0, 0, 0, 1, 1, 0]
  const patched = (at: number, ...bytes: number[]) =>
    Object.assign([...RECORD], Object.fromEntries(bytes.map((b, i) => [at + i, b])))
  test.each([
    ['a negative record length', patched(0, 1), 0],
    ['a record length past the batch', patched(0, 14), 0],
    ['a record length shorter than its fields', patched(0, 10), 6],
    ['a record length of zero', [0, 0, 0, 0, 1, 1, 0], 1],
    ['an offset delta below zero', patched(3, 1), 3],
    ['an offset delta above the last', patched(3, 2), 3],
    ['a key length of −2', patched(4, 3), 4],
    ['a key length past the record', patched(4, 20), 4],
    ['a value length of −2', patched(5, 3), 5],
    ['a value length past the record', patched(5, 4), 5],
    ['a negative header count', patched(6, 1), 6],
    ['more headers than bytes', patched(6, 2), 6],
    ['a timestamp delta without end', [40, 0, ...Array(11).fill(0x80), 0, 0, 0, 0, 0, 0, 0, 0], 2],
    ['an offset delta of six bytes', [22, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 1, 1, 0], 3],
    ['a record length of 33 bits', [0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0, 0, 1, 1, 0], 0],
    ['bytes after the last record', [...RECORD, 9], 7],
    ['bytes after the headers', [14, 0, 0, 0, 1, 1, 0, 0], 7],
    ['a header with a null key', [16, 0, 0, 0, 1, 1, 2, 1, 1], 7],
    ['a header value past the record', [16, 0, 0, 0, 1, 1, 2, 0, 8], 8],
  ])('%s is refused at its byte', (_, bytes, byteOffset) => {
    expect(refusal(bytes, { recordCount: 1 })).toMatchObject({
      code: 'record-malformed',
      next: 'park',
      details: { key: 'segment.kfs', byteOffset },
    })
  })

  test('offset deltas must rise', () => {
    expect(refusal([...RECORD, ...RECORD], { recordCount: 2 }).details).toMatchObject({ byteOffset: 10 })
  })

  test('more records than their bytes can hold are refused before anything is allocated', () => {
    const error = refusal([...RECORD, ...RECORD], {
      recordCount: 2_000_000_000,
      lastOffsetDelta: 2_000_000_001,
    })
    expect(error.details).toMatchObject({ expected: 'at most the 2 records that 14 bytes can hold' })
  })

  test('fewer records than the header says are refused', () => {
    const error = refusal([...RECORD, 0, 0, 0, 0, 0, 0, 0], { recordCount: 2 })
    expect(error.details).toMatchObject({ byteOffset: 8 })
  })

  test('in a decompressed batch the error names the batch and the byte within its records', () => {
    const input = inputFor(Uint8Array.from(patched(4, 3)), headerFor({ recordCount: 1 }), true)
    const error = appErrorOf(() => parse(input, createRecordSlices()))
    expect(error.details).toMatchObject({ byteOffset: 32, inflatedOffset: 4 })
    expect(error.message).toContain('byte 4 of its decompressed records')
  })
})
