/**
 * Single values of tidewater.yaml: parsers from whatever YAML holds at a place to a typed value, with what was expected on failure.
 * Numbers and booleans may also come as text, since a substituted ${VARIABLE} is text. Failures never repeat the value.
 */
import { closest } from './suggest.ts'

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false
      /** Completes "expected …". */
      readonly expected: string
      /** A whole sentence. */
      readonly suggestion?: string
      /** The value is in the design but not in this version; then nothing else is said. */
      readonly notBuilt?: boolean
    }

export type ScalarParser<T> = (value: unknown) => Parsed<T>

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const DURATION_PATTERN = '^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$'
const EXPECTED_DURATION = 'a duration with its unit, such as 500ms, 10s, 5m, 1h30m or 7d'

/** Whole numbers with the units d, h, m, s, ms, each at most once, largest first. */
export function parseDurationMs(value: unknown): Parsed<number> {
  if (typeof value === 'number') {
    return {
      ok: false,
      expected: EXPECTED_DURATION,
      suggestion: 'Add a unit: s for seconds, ms for milliseconds.',
    }
  }
  if (typeof value !== 'string' || value === '' || !new RegExp(DURATION_PATTERN).test(value)) {
    return { ok: false, expected: EXPECTED_DURATION }
  }
  let totalMs = 0
  for (const [, count, unit] of value.matchAll(/([0-9]+)(ms|[smhd])/g)) {
    totalMs += Number(count) * (DURATION_UNITS[unit ?? ''] ?? Number.NaN)
  }
  return Number.isSafeInteger(totalMs)
    ? { ok: true, value: totalMs }
    : { ok: false, expected: EXPECTED_DURATION }
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}
const SIZE_PATTERN = '^[0-9]+(\\.[0-9]+)? ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$'
const EXPECTED_SIZE = 'a size with its unit, such as 64MiB or 128MB'

/** MiB and its like are powers of 1024, MB and its like of 1000; a fraction is rounded down to whole bytes. */
export function parseSizeBytes(value: unknown): Parsed<number> {
  if (typeof value === 'number') {
    return {
      ok: false,
      expected: EXPECTED_SIZE,
      suggestion: 'Add a unit: B, KiB, MiB, GiB (1024) or KB, MB, GB (1000).',
    }
  }
  const match = typeof value === 'string' ? /^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)$/.exec(value) : null
  const unit = match?.[2] ?? ''
  const factor = Object.hasOwn(SIZE_UNITS, unit) ? SIZE_UNITS[unit] : undefined
  if (match === null || factor === undefined) {
    const wanted = Object.keys(SIZE_UNITS).find(known => known.toLowerCase() === unit.toLowerCase())
    const suggestion =
      unit !== '' && wanted !== undefined
        ? `Write the unit as ${wanted}: upper and lower case differ.`
        : undefined
    return { ok: false, expected: EXPECTED_SIZE, ...(suggestion !== undefined && { suggestion }) }
  }
  const bytes = Math.floor(Number(match[1]) * factor)
  return Number.isSafeInteger(bytes) ? { ok: true, value: bytes } : { ok: false, expected: EXPECTED_SIZE }
}

/** A parser that also holds the value between bounds, both inclusive; `boundsText` names them: `100ms to 1h`. */
export function within(
  parse: ScalarParser<number>,
  bounds: { readonly min: number; readonly max: number; readonly text: string },
): ScalarParser<number> {
  return value => {
    const parsed = parse(value)
    if (!parsed.ok || (parsed.value >= bounds.min && parsed.value <= bounds.max)) return parsed
    return { ok: false, expected: `a value in the range ${bounds.text}` }
  }
}

export function integerIn(min: number, max: number): ScalarParser<number> {
  return value => {
    const number = typeof value === 'string' && /^-?[0-9]{1,15}$/.test(value) ? Number(value) : value
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max
      ? { ok: true, value: number }
      : { ok: false, expected: `a whole number from ${min} to ${max}` }
  }
}

export function integerOrNoneIn(min: number, max: number): ScalarParser<number | 'none'> {
  const parse = integerIn(min, max)
  return value => {
    if (value === 'none') return { ok: true, value }
    const parsed = parse(value)
    return parsed.ok ? parsed : { ok: false, expected: `${parsed.expected}, or none` }
  }
}

export function parseRatio(value: unknown): Parsed<number> {
  const number = typeof value === 'string' && /^[0-9]*\.?[0-9]+$/.test(value) ? Number(value) : value
  return typeof number === 'number' && number >= 0 && number <= 1
    ? { ok: true, value: number }
    : { ok: false, expected: 'a number from 0 to 1' }
}

export function parseBoolean(value: unknown): Parsed<boolean> {
  if (value === true || value === 'true') return { ok: true, value: true }
  if (value === false || value === 'false') return { ok: true, value: false }
  return { ok: false, expected: 'true or false' }
}

/** Text of at least one character, at most `maxLength`, that matches `pattern`; `expected` says so in words. */
export function textOf(expected: string, pattern = /^[^\0]*$/, maxLength = 4096): ScalarParser<string> {
  return value =>
    typeof value === 'string' && value !== '' && value.length <= maxLength && pattern.test(value)
      ? { ok: true, value }
      : {
          ok: false,
          expected,
          ...(typeof value === 'number' && {
            suggestion: 'Put the value in quotes: YAML reads it as a number.',
          }),
        }
}

/** One of a few words. `notBuilt` are words of the design that this version does not know yet. */
export function oneOf<T extends string>(
  words: readonly T[],
  notBuilt: readonly string[] = [],
): ScalarParser<T> {
  const expected = words.length === 1 ? `${words[0]}` : `one of ${words.join(', ')}`
  return value => {
    const word = words.find(candidate => candidate === value)
    if (word !== undefined) return { ok: true, value: word }
    const designed = notBuilt.find(candidate => candidate === value)
    if (designed !== undefined) return { ok: false, expected, notBuilt: true }
    const near = typeof value === 'string' ? closest(value, words) : undefined
    return { ok: false, expected, ...(near !== undefined && { suggestion: `Did you mean ${near}?` }) }
  }
}

export const DURATION_JSON = { type: 'string', pattern: DURATION_PATTERN } as const
export const SIZE_JSON = { type: 'string', pattern: SIZE_PATTERN } as const
