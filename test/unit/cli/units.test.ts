import { expect, test } from 'vitest'
import { ageText, counted, durationText, sizeText } from '../../../services/cli/units.ts'

test.each([
  [0n, '0 B'],
  [1023n, '1023 B'],
  [1024n, '1.0 KiB'],
  [1_048_575n, '1.0 MiB'],
  [5n << 30n, '5.0 GiB'],
  [3n << 60n, '3072.0 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text)
})

test.each([
  [0, '0.0 s old'],
  [2_540, '2.5 s old'],
  [60_000, '1.0 min old'],
  [5_400_000, '1.5 h old'],
  [864_000_000, '10.0 d old'],
  // A producer's clock that is ahead.
  [-7_200_000, '2.0 h ahead'],
])('%d ms are shown as %s', (ms, text) => {
  expect(ageText(ms)).toBe(text)
})

test('a duration alone says nothing of age', () => {
  expect(durationText(90_000)).toBe('1.5 min')
})

test('one is singular, also as a bigint', () => {
  expect([
    counted(1, 'file'),
    counted(1n, 'row'),
    counted(0, 'file'),
    counted(2n, 'entry', 'entries'),
  ]).toEqual(['1 file', '1 row', '0 files', '2 entries'])
})
