import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assertKey,
  assertPrefix,
  compareKeys,
  MAX_KEY_BYTES,
} from '../../../shared/object-store/object-key.ts'

describe('compareKeys', () => {
  it('orders any two texts as their UTF-8 bytes', () => {
    const unit = fc.constantFrom(
      ...['a', '-', '/', '0', '\u00fc', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'],
    )
    const text = fc.string({ unit, maxLength: 5 })
    fc.assert(
      fc.property(text, text, (left, right) => {
        expect(Math.sign(compareKeys(left, right))).toBe(
          Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right))),
        )
      }),
    )
  })

  it('puts characters beyond the basic plane last, where JavaScript would not', () => {
    expect('\u{1f600}' < '\uff5e').toBe(true)
    expect(compareKeys('\u{1f600}', '\uff5e')).toBeGreaterThan(0)
  })
})

describe('assertKey', () => {
  it('accepts the keys of segments and of tables', () => {
    assertKey('s3://b', 'prod/orders/0/segment-00000000000000000000.kfs')
    assertKey('s3://b', 'analytics/orders/data/day=2026-01-01/größe ü%20.parquet')
    assertKey('s3://b', 'a/..b/...')
  })

  it('refuses a key that is too long for S3', () => {
    expect(() => assertKey('s3://b', 'x'.repeat(MAX_KEY_BYTES))).not.toThrow()
    expect(() => assertKey('s3://b', 'ü'.repeat(MAX_KEY_BYTES / 2 + 1))).toThrow(/longer than 1024 bytes/)
  })
})

describe('assertPrefix', () => {
  it('accepts a prefix that is cut anywhere', () => {
    for (const prefix of ['', 'a', 'a/', 'a/b', '.', '..', 'a/..']) assertPrefix('s3://b', prefix)
  })

  it('refuses a prefix whose folders lead out of the store', () => {
    for (const prefix of ['/', '/a', '../', 'a/../b', 'a//']) {
      expect(() => assertPrefix('s3://b', prefix), prefix).toThrow(/not usable/)
    }
  })
})
