/** The parser of the plain decoder against JSON.parse with the source text of numbers. */
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type JsonValue, MAX_JSON_DEPTH, parseJson } from '../../../shared/decode/json-text.ts'
import { randomTexts } from './random-json.ts'

const RUNS = Number(process.env.PROPERTY_RUNS ?? 100)
const TEXTS_PER_RUN = 50

/** A number as its text, so that equality is exact. */
interface NumberText {
  readonly number: string
}
type Plain = null | boolean | string | NumberText | Plain[] | Map<string, Plain>

/** As JSON.parse would give it: the last of duplicate keys, keys in any order. */
function plain(value: JsonValue): Plain {
  switch (value.kind) {
    case 'null':
      return null
    case 'boolean':
    case 'string':
      return value.value
    case 'number':
      return { number: value.text }
    case 'array':
      return value.items.map(plain)
    case 'object':
      return new Map(value.members.map(({ key, value }) => [key, plain(value)]))
  }
}

/** The reviver's third argument is newer than TypeScript's library. */
type SourceReviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown

function platformParse(text: string): unknown {
  const keepSource: SourceReviver = (_, value, context) => {
    if (typeof value === 'number') return { number: context.source }
    const isObject =
      typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map)
    return isObject &&
      !('number' in value && Object.keys(value).length === 1 && typeof value.number === 'string')
      ? new Map(Object.entries(value))
      : value
  }
  return JSON.parse(text, keepSource as (this: unknown, key: string, value: unknown) => unknown)
}

function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (const c of text.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (c === '[' || c === '{') deepest = Math.max(deepest, ++depth)
    if (c === ']' || c === '}') depth--
  }
  return deepest
}

test('the parser accepts what JSON.parse accepts, with the same values', {
  timeout: 30_000 + 100 * RUNS,
}, () => {
  fc.assert(
    fc.property(fc.integer(), seed => {
      for (const bytes of randomTexts(seed, TEXTS_PER_RUN)) compare(bytes)
    }),
    { numRuns: RUNS },
  )
})

function compare(bytes: Uint8Array): void {
  const result = parseJson({ bytes, start: 0, end: bytes.length })
  if (!isUtf8(bytes)) {
    expect(result).toHaveProperty('failure')
    return
  }
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  let platform: unknown
  try {
    platform = platformParse(text)
  } catch {
    expect([text, 'failure' in result]).toEqual([text, true])
    return
  }
  if ('value' in result) {
    expect([text, plain(result.value)]).toEqual([text, platform])
    return
  }
  // The two ways in which it is stricter.
  const { code } = result.failure
  if (code === 'too-deep') expect(depthOf(text)).toBeGreaterThan(MAX_JSON_DEPTH)
  else expect([text, code]).toEqual([text, 'lone-surrogate'])
}
