/**
 * A plain JSON parser (RFC 8259) that keeps what `JSON.parse` loses: the text of numbers, so that 64-bit integers and decimals stay
 * exact, the order of keys, and duplicate keys. The property tests hold it against `JSON.parse` with the reviver's source text.
 *
 * Stricter than `JSON.parse` in two ways: nesting is limited, and a `\u` escape of half a surrogate pair is refused, because it is no
 * Unicode text and no reader of a string column could take it.
 */
import { type RecordFailureCode, type ValueFailure, valueFailure } from './record-failure.ts'

/** Objects and arrays within one another; the top-level object is 1. Values that are skipped count too. */
export const MAX_JSON_DEPTH = 64

export type JsonValue =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'array'; readonly items: readonly JsonValue[] }
  /** Members in the order of the text; a key may come twice. */
  | { readonly kind: 'object'; readonly members: readonly JsonMember[] }

export interface JsonMember {
  readonly key: string
  readonly value: JsonValue
}

export type JsonParseResult =
  | { readonly value: JsonValue /** One past the value. */; readonly end: number }
  | { readonly failure: ValueFailure }

export interface JsonRange {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  /** Containers already open around the value. */
  readonly depth?: number
}

/** Parses a whole record: one value with nothing but whitespace around it. */
export function parseJson(range: JsonRange): JsonParseResult {
  return catchingSyntax(() => {
    const parser = new Parser(range)
    parser.skipSpace()
    const value = parser.value(range.depth ?? 0)
    parser.skipSpace()
    if (parser.at !== range.end) parser.fail('the end of the record')
    return { value, end: parser.at }
  })
}

/** Parses the value that begins at `range.start`; it may end anywhere up to `range.end`. */
export function parseJsonPrefix(range: JsonRange): JsonParseResult {
  return catchingSyntax(() => {
    const parser = new Parser(range)
    return { value: parser.value(range.depth ?? 0), end: parser.at }
  })
}

/** Thrown inside this file only: it unwinds the recursion. */
class SyntaxFailure extends Error {
  readonly code: RecordFailureCode

  constructor(code: RecordFailureCode, message: string) {
    super(message)
    this.code = code
  }
}

function catchingSyntax(parse: () => JsonParseResult): JsonParseResult {
  try {
    return parse()
  } catch (error) {
    if (error instanceof SyntaxFailure) return { failure: valueFailure(error.code, error.message) }
    throw error
  }
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NUMBER_TEXT = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const ESCAPED: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const COLON = 58

class Parser {
  at: number
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #end: number

  constructor(range: JsonRange) {
    this.#bytes = range.bytes
    this.#start = range.start
    this.#end = range.end
    this.at = range.start
  }

  fail(expected: string, code: RecordFailureCode = 'not-json'): never {
    const byte = this.#peek()
    const found =
      byte < 0
        ? 'the end'
        : byte > 32 && byte < 127
          ? `'${String.fromCharCode(byte)}'`
          : `byte 0x${byte.toString(16)}`
    throw new SyntaxFailure(
      code,
      `expected ${expected} at byte ${this.at - this.#start} of the value, found ${found}`,
    )
  }

  skipSpace(): void {
    for (let c = this.#peek(); c === 32 || c === 10 || c === 13 || c === 9; c = this.#peek()) this.at++
  }

  value(depth: number): JsonValue {
    const byte = this.#peek()
    switch (byte) {
      case 123:
        return this.#object(this.#nested(depth))
      case 91:
        return this.#array(this.#nested(depth))
      case QUOTE:
        return { kind: 'string', value: this.#string() }
      case 116:
        return this.#literal('true', { kind: 'boolean', value: true })
      case 102:
        return this.#literal('false', { kind: 'boolean', value: false })
      case 110:
        return this.#literal('null', { kind: 'null' })
      default:
        return { kind: 'number', text: this.#number() }
    }
  }

  #nested(depth: number): number {
    if (depth >= MAX_JSON_DEPTH)
      this.fail(`at most ${MAX_JSON_DEPTH} objects and arrays within one another`, 'too-deep')
    return depth + 1
  }

  #object(depth: number): JsonValue {
    const members: JsonMember[] = []
    this.at++
    this.skipSpace()
    if (this.#take(125)) return { kind: 'object', members }
    for (;;) {
      if (this.#peek() !== QUOTE) this.fail('a key in double quotes')
      const key = this.#string()
      this.skipSpace()
      if (!this.#take(COLON)) this.fail("':' after a key")
      this.skipSpace()
      members.push({ key, value: this.value(depth) })
      this.skipSpace()
      if (this.#take(125)) return { kind: 'object', members }
      if (!this.#take(COMMA)) this.fail("',' or '}'")
      this.skipSpace()
    }
  }

  #array(depth: number): JsonValue {
    const items: JsonValue[] = []
    this.at++
    this.skipSpace()
    if (this.#take(93)) return { kind: 'array', items }
    for (;;) {
      items.push(this.value(depth))
      this.skipSpace()
      if (this.#take(93)) return { kind: 'array', items }
      if (!this.#take(COMMA)) this.fail("',' or ']'")
      this.skipSpace()
    }
  }

  #literal(text: string, value: JsonValue): JsonValue {
    for (let i = 0; i < text.length; i++, this.at++) {
      if (this.#peek() !== text.charCodeAt(i)) this.fail('a JSON value')
    }
    return value
  }

  #number(): string {
    let end = this.at
    while (end < this.#end && isNumberByte(this.#bytes[end] ?? 0)) end++
    const text = latin1(this.#bytes, this.at, end)
    NUMBER_TEXT.lastIndex = 0
    const match = NUMBER_TEXT.exec(text)?.[0] ?? ''
    this.at += match.length
    if (match.length === 0 || match.length !== text.length)
      this.fail(match === '' ? 'a JSON value' : 'the end of a number')
    return match
  }

  #string(): string {
    this.at++
    let text = ''
    for (;;) {
      text += this.#plainRun()
      if (this.#take(QUOTE)) return text
      if (!this.#take(BACKSLASH)) this.fail('a character of a string or its closing quote')
      text += this.#escape()
    }
  }

  /** Everything up to a quote, a backslash, a control character or the end. */
  #plainRun(): string {
    const start = this.at
    let isAscii = true
    for (let c = this.#peek(); c !== QUOTE && c !== BACKSLASH && c >= 32; c = this.#peek()) {
      if (c >= 128) isAscii = false
      this.at++
    }
    if (isAscii) return latin1(this.#bytes, start, this.at)
    try {
      return utf8Decoder.decode(this.#bytes.subarray(start, this.at))
    } catch {
      throw new SyntaxFailure(
        'invalid-utf8',
        `the string at byte ${start - this.#start} of the value is not valid UTF-8`,
      )
    }
  }

  #escape(): string {
    const letter = String.fromCharCode(Math.max(this.#peek(), 0))
    const escaped = ESCAPED[letter]
    if (escaped === undefined && letter !== 'u') this.fail('an escape character')
    this.at++
    if (escaped !== undefined) return escaped
    const unit = this.#hexUnit()
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit)
    if (unit > 0xdbff || !this.#take(BACKSLASH) || !this.#take(117)) return this.#failSurrogate(unit)
    const low = this.#hexUnit()
    if (low < 0xdc00 || low > 0xdfff) return this.#failSurrogate(unit)
    return String.fromCharCode(unit, low)
  }

  #failSurrogate(unit: number): never {
    const written = `\\u${unit.toString(16)}`
    const where = `before byte ${this.at - this.#start} of the value`
    throw new SyntaxFailure(
      'lone-surrogate',
      `the escape ${written} ${where} is half a surrogate pair without its other half`,
    )
  }

  #hexUnit(): number {
    let unit = 0
    for (let i = 0; i < 4; i++, this.at++) {
      const digit = hexDigit(this.#peek())
      if (digit < 0) this.fail('four hexadecimal digits after \\u')
      unit = unit * 16 + digit
    }
    return unit
  }

  #take(byte: number): boolean {
    if (this.#peek() !== byte) return false
    this.at++
    return true
  }

  /** The next byte, −1 at the end. */
  #peek(): number {
    return this.at < this.#end ? (this.#bytes[this.at] ?? -1) : -1
  }
}

/** The value of a hexadecimal digit, −1 for any other byte. */
export function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** Digits, signs, point and exponent. */
function isNumberByte(byte: number): boolean {
  return (
    (byte >= 48 && byte <= 57) || byte === 45 || byte === 43 || byte === 46 || byte === 101 || byte === 69
  )
}

/** ASCII bytes as text, fast for short and long ranges. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, start, end)
}
