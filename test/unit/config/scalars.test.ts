import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  integerIn,
  integerOrNoneIn,
  oneOf,
  parseBoolean,
  parseDurationMs,
  parseRatio,
  parseSizeBytes,
  textOf,
  within,
} from '../../../shared/config/scalars.ts'

describe('parseDurationMs', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDurationMs(text)).toEqual({ ok: true, value: ms })
  })

  it.each([
    [''],
    ['10'],
    ['s'],
    ['1.5s'],
    ['30m1h'],
    ['1s1s'],
    ['-1s'],
    ['10 s'],
    ['1w'],
    [`${'9'.repeat(20)}d`],
    [null],
    [true],
  ])('refuses %s', value => {
    expect(parseDurationMs(value)).toMatchObject({ ok: false })
  })

  it('asks for a unit when it finds a number', () => {
    expect(parseDurationMs(10)).toMatchObject({ ok: false, suggestion: expect.stringMatching(/Add a unit/) })
  })
})

describe('integerOrNoneIn', () => {
  it('takes a number of the range or none, and says both', () => {
    const parse = integerOrNoneIn(1, 9)
    expect([parse(9), parse('2'), parse('none')]).toEqual([
      { ok: true, value: 9 },
      { ok: true, value: 2 },
      { ok: true, value: 'none' },
    ])
    for (const value of [0, 10, 1.5, 'None', null, undefined])
      expect(parse(value)).toEqual({ ok: false, expected: 'a whole number from 1 to 9, or none' })
  })
})

describe('parseSizeBytes', () => {
  it.each([
    ['64MiB', 67_108_864],
    ['128MB', 128_000_000],
    ['1.5GiB', 1_610_612_736],
    ['10 KB', 10_000],
    ['7B', 7],
    ['2TiB', 2_199_023_255_552],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSizeBytes(text)).toEqual({ ok: true, value: bytes })
  })

  it.each([
    [''],
    ['64'],
    ['MiB'],
    ['-1MB'],
    ['1e3MB'],
    ['64Mi'],
    ['toString'],
    ['99999999TiB'],
    [64],
    [undefined],
  ])('refuses %s', value => {
    expect(parseSizeBytes(value)).toMatchObject({ ok: false })
  })

  it('says how a unit in the wrong case is written', () => {
    expect(parseSizeBytes('64mib')).toMatchObject({ suggestion: expect.stringMatching(/unit as MiB/) })
  })
})

describe('numbers, booleans and words', () => {
  it('takes whole numbers within bounds, also as text from a variable', () => {
    const parse = integerIn(1, 10)
    expect([1, 10, '7'].map(value => parse(value))).toEqual([1, 10, 7].map(value => ({ ok: true, value })))
    for (const value of [0, 11, 1.5, '1.5', 'x', '', null, Number.NaN])
      expect(parse(value).ok, `${value}`).toBe(false)
  })

  it('takes ratios from 0 to 1', () => {
    for (const value of [0, 0.5, 1, '0.25'])
      expect(parseRatio(value)).toEqual({ ok: true, value: Number(value) })
    for (const value of [-0.1, 1.1, '50%', '', null, Number.NaN]) expect(parseRatio(value).ok).toBe(false)
  })

  it('takes true and false, not what YAML 1.1 took for them', () => {
    expect([true, 'false'].map(value => parseBoolean(value))).toEqual([
      { ok: true, value: true },
      { ok: true, value: false },
    ])
    for (const value of ['yes', 'on', 1, null]) expect(parseBoolean(value).ok).toBe(false)
  })

  it('suggests the nearest word, and tells designed words from unknown ones', () => {
    const parse = oneOf(['json', 'raw'], ['avro'])
    expect(parse('raw')).toEqual({ ok: true, value: 'raw' })
    expect(parse('jsn')).toMatchObject({ ok: false, suggestion: 'Did you mean json?' })
    expect(parse('avro')).toMatchObject({ ok: false, notBuilt: true })
    expect(parse('xml')).toEqual({ ok: false, expected: 'one of json, raw' })
  })

  it('asks for quotes where YAML made a number of text', () => {
    expect(textOf('a name')(5)).toMatchObject({ ok: false, suggestion: expect.stringMatching(/quotes/) })
    expect(textOf('a name')('')).toMatchObject({ ok: false })
  })

  it('holds values between bounds, both inclusive', () => {
    const parse = within(parseDurationMs, { min: 1000, max: 2000, text: '1s to 2s' })
    expect(['1s', '2s', '999ms', '2001ms', 'x'].map(value => parse(value).ok)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  it('never throws, whatever YAML holds', () => {
    fc.assert(
      fc.property(fc.anything(), value => {
        for (const parse of [
          parseDurationMs,
          parseSizeBytes,
          parseRatio,
          parseBoolean,
          integerIn(0, 9),
          oneOf(['a']),
          textOf('x'),
        ])
          parse(value)
      }),
    )
  })
})
