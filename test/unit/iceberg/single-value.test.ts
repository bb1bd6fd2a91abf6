import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PartitionValue } from '../../../shared/iceberg/partition-spec.ts'
import type { PrimitiveType } from '../../../shared/iceberg/schema.ts'
import {
  deserializeSingleValue,
  serializeSingleValue,
  truncateLowerBound,
  truncateUpperBound,
} from '../../../shared/iceberg/single-value.ts'

const hex = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('hex')
const utf8 = (text: string) => new Uint8Array(Buffer.from(text))
const STRING: PrimitiveType = { kind: 'string' }
const BINARY: PrimitiveType = { kind: 'binary' }
const decimal = (precision: number): PrimitiveType => ({ kind: 'decimal', precision, scale: 2 })

/** Expected bytes are worked out by hand from appendix D; the decimals are the spec's and Java's `BigInteger.toByteArray`. */
const CASES: readonly (readonly [PrimitiveType, PartitionValue, string])[] = [
  [{ kind: 'boolean' }, false, '00'],
  [{ kind: 'boolean' }, true, '01'],
  [{ kind: 'int' }, 1, '01000000'],
  [{ kind: 'int' }, -2, 'feffffff'],
  [{ kind: 'date' }, 17_000, '68420000'],
  [{ kind: 'long' }, 2n ** 40n, '0000000000010000'],
  [{ kind: 'long' }, -(2n ** 63n), '0000000000000080'],
  [{ kind: 'time' }, 1n, '0100000000000000'],
  [{ kind: 'timestamp' }, -1n, 'ffffffffffffffff'],
  [{ kind: 'timestamptz' }, 256n, '0001000000000000'],
  [{ kind: 'float' }, 1.5, '0000c03f'],
  [{ kind: 'float' }, -0, '00000080'],
  [{ kind: 'double' }, 1.5, '000000000000f83f'],
  [decimal(9), 0n, '00'],
  [decimal(9), 127n, '7f'],
  [decimal(9), 128n, '0080'],
  [decimal(9), -128n, '80'],
  [decimal(9), -129n, 'ff7f'],
  [decimal(9), 1420n, '058c'],
  [decimal(38), 10n ** 38n - 1n, '4b3b4ca85a86c47a098a223fffffffff'],
  [STRING, '', ''],
  [STRING, 'é😀', 'c3a9f09f9880'],
  [{ kind: 'uuid' }, 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09677c4bbda4793f349cb785e7'],
  [{ kind: 'fixed', length: 3 }, Uint8Array.of(1, 2, 255), '0102ff'],
  [BINARY, Uint8Array.of(), ''],
]

describe('serializeSingleValue', () => {
  test.each(CASES)('%o value %s becomes the bytes of appendix D and comes back', (type, value, expected) => {
    const bytes = serializeSingleValue(type, value)
    expect(hex(bytes)).toBe(expected)
    expect(deserializeSingleValue(type, bytes)).toStrictEqual(value)
  })

  test.each<readonly [PrimitiveType, PartitionValue]>([
    [{ kind: 'int' }, null],
    [{ kind: 'int' }, 1n],
    [{ kind: 'long' }, 1],
    [{ kind: 'uuid' }, 'F79C3E09-677C-4BBD-A479-3F349CB785E7'],
    [{ kind: 'fixed', length: 2 }, Uint8Array.of(1)],
  ])('a value that %o cannot hold (%s) is refused', (type, value) => {
    expect(() => serializeSingleValue(type, value)).toThrow(
      expect.objectContaining({ code: 'single-value-mismatch' }),
    )
  })
})

describe('deserializeSingleValue', () => {
  test('bytes of a wrong length are refused', () => {
    expect(() => deserializeSingleValue({ kind: 'timestamp' }, Uint8Array.of(1, 2, 3, 4))).toThrow(
      /expected 8 bytes, found 4/,
    )
    expect(() => deserializeSingleValue(decimal(9), Uint8Array.of())).toThrow(/expected 1 to 16 bytes/)
  })

  test('four-byte bounds of a column promoted to long or double are read as such', () => {
    expect(deserializeSingleValue({ kind: 'long' }, serializeSingleValue({ kind: 'int' }, -5))).toBe(-5n)
    expect(deserializeSingleValue({ kind: 'double' }, serializeSingleValue({ kind: 'float' }, 2.5))).toBe(2.5)
  })

  test('a leading byte order mark of a string is kept', () => {
    expect(deserializeSingleValue(STRING, utf8('\ufeffa'))).toBe('\ufeffa')
  })

  test('any long and any decimal come back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }), unscaled => {
        expect(deserializeSingleValue(decimal(38), serializeSingleValue(decimal(38), unscaled))).toBe(
          unscaled,
        )
        const long = BigInt.asIntN(64, unscaled)
        expect(deserializeSingleValue({ kind: 'long' }, serializeSingleValue({ kind: 'long' }, long))).toBe(
          long,
        )
      }),
    )
  })
})

describe('truncation of bounds', () => {
  test('strings are cut by code point, not by UTF-16 unit or byte', () => {
    const long = utf8('😀'.repeat(17))
    expect(Buffer.from(truncateLowerBound(STRING, long)).toString()).toBe('😀'.repeat(16))
    expect(Buffer.from(truncateUpperBound(STRING, long) ?? []).toString()).toBe(`${'😀'.repeat(15)}😁`)
  })

  test('a string of exactly the width is kept whole on both sides', () => {
    const exact = utf8('é'.repeat(16))
    expect(truncateLowerBound(STRING, exact)).toStrictEqual(exact)
    expect(truncateUpperBound(STRING, exact)).toStrictEqual(exact)
  })

  test('an upper bound steps over the surrogate range', () => {
    expect(hex(truncateUpperBound(STRING, utf8('\ud7ffx'), 1))).toBe(hex(utf8('\ue000')))
  })

  test('the highest code point carries into the one before, and an upper bound of nothing else is left out', () => {
    expect(Buffer.from(truncateUpperBound(STRING, utf8('a\u{10ffff}x'), 2) ?? []).toString()).toBe('b')
    expect(truncateUpperBound(STRING, utf8('\u{10ffff}\u{10ffff}x'), 2)).toBeUndefined()
  })

  test('a binary upper bound is incremented byte-wise with carry, or left out', () => {
    expect(hex(truncateUpperBound(BINARY, Uint8Array.of(1, 255, 9), 2))).toBe('02')
    expect(hex(truncateUpperBound(BINARY, Uint8Array.of(1, 2, 9), 2))).toBe('0103')
    expect(truncateUpperBound(BINARY, Uint8Array.of(255, 255, 0), 2)).toBeUndefined()
    expect(hex(truncateLowerBound(BINARY, Uint8Array.of(1, 255, 9), 2))).toBe('01ff')
  })

  test('other types are not cut', () => {
    const bytes = new Uint8Array(40).fill(7)
    expect(truncateUpperBound({ kind: 'fixed', length: 40 }, bytes)).toStrictEqual(bytes)
  })

  test('a cut lower bound is never above, and a cut upper bound never below, the value (UTF-8 order)', () => {
    const text = fc.string({ unit: 'binary', maxLength: 24 })
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 20 }), (value, width) => {
        const bytes = utf8(value)
        expect(Buffer.compare(truncateLowerBound(STRING, bytes, width), bytes)).toBeLessThanOrEqual(0)
        const upper = truncateUpperBound(STRING, bytes, width)
        if (upper === undefined) return
        expect(Buffer.compare(upper, bytes)).toBeGreaterThanOrEqual(0)
        expect([...Buffer.from(upper).toString()].length).toBeLessThanOrEqual(width)
      }),
    )
  })
})
