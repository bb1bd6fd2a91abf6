/** The kinds of values of tidewater.yaml, each as a zod schema that parses it, words its failure and describes it to editors. */
import { z } from 'zod'
import { parsePostgresUrl } from '../metadata/postgres/address.ts'
import { parseStoreUrl } from '../object-store/open-object-store.ts'
import { parseRedisUrl } from '../queue/redis-address.ts'
import type { MetadataConfig, QueueConfig } from './config.ts'
import {
  DURATION_JSON,
  integerIn,
  integerOrNoneIn,
  oneOf,
  type Parsed,
  parseBoolean,
  parseDurationMs,
  parseSizeBytes,
  type ScalarParser,
  SIZE_JSON,
  textOf,
  within,
} from './scalars.ts'

/** Extra keys of the JSON Schema of a value. */
type JsonMeta = Readonly<Record<string, unknown>>

/** A single value, parsed by `parse`; on failure the issue carries what was expected, for `describe-issues.ts` to word. */
export function scalar<T>(parse: ScalarParser<T>, json: JsonMeta, description: string) {
  return z
    .unknown()
    .meta({ ...json, description })
    .transform((value, context): T => {
      const parsed = parse(value)
      if (parsed.ok) return parsed.value
      const { expected, suggestion, notBuilt } = parsed
      context.addIssue({ code: 'custom', params: { expected, suggestion, notBuilt } })
      return z.NEVER
    })
}

export const word = <T extends string>(
  words: readonly T[],
  description: string,
  notBuilt: readonly string[] = [],
) => scalar(oneOf(words, notBuilt), { enum: words }, description)
export const text = (expected: string, description: string, pattern?: RegExp) =>
  scalar(
    textOf(expected, pattern),
    { type: 'string', ...(pattern && { pattern: pattern.source }) },
    description,
  )
/** Text that must not show. `writeOnly` says so to editors, and to the test that plants a canary in every secret there is. */
export const secret = (expected: string, description: string, pattern?: RegExp) =>
  scalar(
    textOf(expected, pattern),
    { type: 'string', writeOnly: true, ...(pattern && { pattern: pattern.source }) },
    description,
  )
export const integer = (min: number, max: number, description: string) =>
  scalar(integerIn(min, max), { type: 'integer', minimum: min, maximum: max }, description)
export const integerOrNone = (min: number, max: number, description: string) =>
  scalar(
    integerOrNoneIn(min, max),
    { anyOf: [{ type: 'integer', minimum: min, maximum: max }, { const: 'none' }] },
    description,
  )
export const boolean = (description: string) => scalar(parseBoolean, { type: 'boolean' }, description)
export const duration = (min: number, max: number, range: string, description: string) =>
  scalar(
    within(parseDurationMs, { min, max, text: range }),
    DURATION_JSON,
    `${description} A duration from ${range}.`,
  )
export const size = (min: number, max: number, range: string, description: string) =>
  scalar(within(parseSizeBytes, { min, max, text: range }), SIZE_JSON, `${description} A size from ${range}.`)

export const name = (description: string) =>
  text('a name of letters, digits, - and _', description, /^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$/)

function parseUrl(value: unknown): Parsed<string> {
  try {
    if (typeof value === 'string') {
      parseStoreUrl(value, '/')
      return { ok: true, value }
    }
  } catch {
    // Worded below: the error's own text would repeat the value.
  }
  return { ok: false, expected: 's3://bucket/prefix, file:///folder, or file:./folder' }
}

export function parseEndpoint(value: unknown): Parsed<string> {
  const expected = 'the URL of an S3 server such as http://localhost:9000, without user, path or query'
  if (typeof value !== 'string' || !URL.canParse(value)) return { ok: false, expected }
  const url = new URL(value)
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.pathname === '/'
  return isPlain && /^https?:$/.test(url.protocol) ? { ok: true, value: url.origin } : { ok: false, expected }
}

/** The path of a SQLite file is as it was written: it may be relative. */
export function parseQueue(value: unknown): Parsed<QueueConfig> {
  if (value === 'in-process') return { ok: true, value: { kind: 'in-process' } }
  const parsed = parseRedisUrl(value)
  return parsed.ok ? { ok: true, value: { kind: 'redis', address: parsed.value } } : parsed
}

export function parseMetadataUrl(value: unknown): Parsed<MetadataConfig> {
  const text = typeof value === 'string' ? value : ''
  if (/^postgres(ql)?:/i.test(text)) {
    const address = parsePostgresUrl(text)
    return typeof address === 'string'
      ? { ok: false, expected: 'postgres://user@host:5432/database', suggestion: `The URL ${address}.` }
      : { ok: true, value: { kind: 'postgres', address } }
  }
  const path = /^sqlite:(?:\/\/(?=\/))?([^\0?]*[^\0?/:])$/.exec(text)?.[1]
  return path === undefined
    ? {
        ok: false,
        expected: 'sqlite:./file.db, sqlite:/folder/file.db or postgres://user@host:5432/database',
      }
    : { ok: true, value: { kind: 'sqlite', path } }
}

export const storeUrl = (description: string) => scalar(parseUrl, { type: 'string' }, description)

export function parseTimestamp(value: unknown): Parsed<number> {
  const expected = 'a time with its zone, such as 2026-01-31T00:00:00Z'
  if (typeof value !== 'string') return { ok: false, expected }
  const isIso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value)
  const timestampMs = isIso ? Date.parse(value) : Number.NaN
  return Number.isNaN(timestampMs) ? { ok: false, expected } : { ok: true, value: timestampMs }
}

export function parseOffset(value: unknown): Parsed<bigint> {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
  const isText = typeof value === 'string' && /^[0-9]{1,18}$/.test(value)
  return isNumber || isText
    ? { ok: true, value: BigInt(value) }
    : { ok: false, expected: 'an offset: a whole number from 0' }
}

export function parseProperty(value: unknown): Parsed<string> {
  return ['string', 'number', 'boolean'].includes(typeof value)
    ? { ok: true, value: String(value) }
    : { ok: false, expected: 'text, a number, true or false' }
}
