import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fieldSummariesFromJson,
  fieldSummariesToJson,
  jsonText,
  partitionFromJson,
  partitionToJson,
  rangesFromJson,
  rangesToJson,
  segmentsFromJson,
  segmentsToJson,
  textMapFromJson,
} from '../../../shared/metadata/json-columns.ts'

describe('partition values', () => {
  it('come back as they were, of whatever kind', () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.double(),
      fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n }),
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 20 }),
    )
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), values => {
        expect(partitionFromJson(partitionToJson(values))).toEqual(values)
      }),
    )
  })

  it('keep apart what looks alike', () => {
    const values = [
      0,
      -0,
      0n,
      '0',
      Number.NaN,
      'NaN',
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      '',
      null,
    ]
    expect(partitionFromJson(partitionToJson(values))).toEqual(values)
  })
})

describe('segments, ranges and summaries', () => {
  it('come back as they were, with offsets beyond 2^53', () => {
    const segment = {
      topic: 'orders',
      partition: 3,
      key: 'orders/3/a "quoted" key.kfs',
      baseOffset: 9_007_199_254_740_993n,
      sizeBytes: 5,
      etag: '"x"',
    }
    const range = { kind: 'control' as const, startOffset: 2n ** 60n, endOffset: 2n ** 60n + 1n }
    expect(segmentsFromJson(segmentsToJson([segment, segment]), segment)).toEqual([segment, segment])
    expect(rangesFromJson(rangesToJson([range]))).toEqual([range])
    expect(rangesFromJson(rangesToJson([]))).toEqual([])
  })

  it('keep the difference between no bound and an empty one', () => {
    const summaries = [
      { containsNull: true },
      {
        containsNull: false,
        containsNan: true,
        lowerBound: new Uint8Array(0),
        upperBound: Uint8Array.of(255, 0),
      },
    ]
    expect(fieldSummariesFromJson(fieldSummariesToJson(summaries))).toEqual(summaries)
  })
})

describe('reading', () => {
  it.each(['', 'null', '[]', '{"a":1}', '{"a"'])('refuses %j where a map of texts belongs', text => {
    expect(() => textMapFromJson(text)).toThrow(expect.objectContaining({ code: 'metadata-damaged' }))
  })

  it('refuses damaged ranges and partition values', () => {
    expect(() => rangesFromJson('[{"kind":"lost","startOffset":"1","endOffset":"2"}]')).toThrow(
      'ranges of an account',
    )
    expect(() => partitionFromJson('[{"integer":"x"}]')).toThrow('partition of a data file')
  })
})

describe('jsonText', () => {
  it('writes 64-bit integers as their digits in a string', () => {
    expect(jsonText({ offset: 2n ** 60n, list: [1n] })).toBe('{"offset":"1152921504606846976","list":["1"]}')
  })
})
