import { expect, test } from 'vitest'
import {
  FIRST_DAY,
  LAST_DAY,
  parseDate,
  parseTime,
  parseTimestamp,
} from '../../../shared/decode/temporal-text.ts'

const DAY_MS = 86_400_000

test('every 13th day of years 0001 to 9999 has the number that the platform calendar gives', () => {
  for (let day = FIRST_DAY; day <= LAST_DAY; day += 13) {
    const text = new Date(day * DAY_MS).toISOString().slice(0, 10)
    if (parseDate(text) !== day) expect([text, parseDate(text)]).toEqual([text, day])
  }
  expect([parseDate('0001-01-01'), parseDate('9999-12-31')]).toEqual([FIRST_DAY, LAST_DAY])
})

test('days outside the calendar are none', () => {
  const none = [
    '0000-12-31',
    '2023-02-29',
    '2100-02-29',
    '2024-04-31',
    '2024-00-10',
    '2024-01-00',
    '24-01-01',
    '+002024-01-01',
    '2024-1-1',
  ]
  expect(none.map(parseDate)).toEqual(none.map(() => undefined))
})

test('fractions past microseconds are cut, and more than nine digits refused', () => {
  const base = 3_723_000_000n
  expect(
    ['01:02:03.1', '01:02:03.123456789', '01:02:03.0000009', '01:02:03.1234567890', '01:02:03.'].map(
      parseTime,
    ),
  ).toEqual([base + 100_000n, base + 123_456n, base, undefined, undefined])
})

test('a zone is told apart from none, and its distance has a sign', () => {
  const zones = ['', 'Z', '+01:00', '-0130', '+18', '+18:01', '+19:00', '+1', 'z', '+01:60']
  const minute = 60_000_000n
  expect(zones.map(zone => parseTimestamp(`1970-01-01T00:00${zone}`)?.zoneMicros)).toEqual([
    undefined,
    0n,
    60n * minute,
    -90n * minute,
    1080n * minute,
    ...Array(5).fill(undefined),
  ])
  expect(parseTimestamp('1970-01-01T00:00')).toEqual({ localMicros: 0n, zoneMicros: undefined })
  expect(parseTimestamp('1970-01-01T00:00+19:00')).toBeUndefined()
})
