/**
 * Avro's binary encoding (Avro 1.11, "Binary Encoding"): a growing writer of primitives, a bounds-checked cursor, and a decoder
 * of whole values by schema. Records are decoded by field id, so that a file of another writer reads the same whatever its
 * fields are called and however they are ordered.
 */

import { invariant } from '../runtime/errors.ts'
import type { AvroRecord, AvroSchema } from './avro-schema.ts'
import { malformed } from './iceberg-error.ts'

const FIRST_CAPACITY = 1024
const MAX_VARINT_BYTES = 10
/** Bounds the arrays of items that take no bytes, which the length of the input does not. */
const MAX_ARRAY_ITEMS = 1 << 24

export class AvroWriter {
  #buffer = Buffer.allocUnsafe(FIRST_CAPACITY)
  #length = 0

  get lengthBytes(): number {
    return this.#length
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array {
    return new Uint8Array(this.#buffer.subarray(0, this.#length))
  }

  /** int and long have one encoding: zigzag, then seven bits a byte. */
  writeLong(value: number | bigint): void {
    this.#reserve(MAX_VARINT_BYTES)
    if (typeof value === 'number' && value >= -0x40000000 && value < 0x40000000) {
      let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
      for (; zigzag > 0x7f; zigzag >>>= 7) this.#buffer[this.#length++] = (zigzag & 0x7f) | 0x80
      this.#buffer[this.#length++] = zigzag
      return
    }
    const long = BigInt(value)
    invariant(BigInt.asIntN(64, long) === long, `${value} fits an Avro long`)
    let zigzag = BigInt.asUintN(64, (long << 1n) ^ (long >> 63n))
    for (; zigzag > 0x7fn; zigzag >>= 7n) this.#buffer[this.#length++] = Number(zigzag & 0x7fn) | 0x80
    this.#buffer[this.#length++] = Number(zigzag)
  }

  writeBoolean(value: boolean): void {
    this.#reserve(1)
    this.#buffer[this.#length++] = value ? 1 : 0
  }

  writeFloat(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeFloatLE(value, this.#length)
  }

  writeDouble(value: number): void {
    this.#reserve(8)
    this.#length = this.#buffer.writeDoubleLE(value, this.#length)
  }

  writeBytes(bytes: Uint8Array): void {
    this.writeLong(bytes.length)
    this.writeRaw(bytes)
  }

  writeString(text: string): void {
    const length = Buffer.byteLength(text)
    this.writeLong(length)
    this.#reserve(length)
    this.#length += this.#buffer.write(text, this.#length)
  }

  /** Bytes without a length: fixed types, and values that were encoded before. */
  writeRaw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** An optional value: `null` or `undefined` is the union's first branch, the rest its second. */
  writeOption<T>(value: T | null | undefined, write: (value: T) => void): void {
    const present = value !== null && value !== undefined
    this.writeLong(present ? 1 : 0)
    if (present) write(value)
  }

  writeArray<T>(items: readonly T[], write: (item: T) => void): void {
    if (items.length > 0) {
      this.writeLong(items.length)
      for (const item of items) write(item)
    }
    this.writeLong(0)
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

/** int is a number, long a bigint, records are keyed by field id. */
export type AvroValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly AvroValue[]
  | AvroRecordValue
/** A map and not an object: V8 lays objects with keys like 510 out as arrays of that length. */
export interface AvroRecordValue extends ReadonlyMap<number, AvroValue> {}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads values one after another; every read is checked against the end of the bytes. `what` names the object in errors. */
export class AvroCursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #what: string
  #at: number

  constructor(bytes: Uint8Array, what: string, at = 0) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
    this.#at = at
  }

  get position(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  readLong(): bigint {
    const start = this.#at
    let low = 0
    let value = 0n
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = this.#byte()
      // The first four bytes fit a small integer, which spares most values the bigint arithmetic.
      if (index < 4) low |= (byte & 0x7f) << (7 * index)
      else value |= BigInt(byte & 0x7f) << BigInt(7 * index)
      if (byte < 0x80) {
        const zigzag = value | BigInt(low)
        if (zigzag > 0xffffffffffffffffn) break
        return (zigzag >> 1n) ^ -(zigzag & 1n)
      }
    }
    throw this.error(start, 'an integer of more than 64 bits')
  }

  readInt(): number {
    const start = this.#at
    const value = this.readLong()
    if (BigInt.asIntN(32, value) !== value) throw this.error(start, `an int out of range: ${value}`)
    return Number(value)
  }

  /** A length or count that the remaining bytes must be able to hold, at `unitBytes` each. */
  readLength(unitBytes: number): number {
    const start = this.#at
    const value = this.readLong()
    const limit = unitBytes === 0 ? MAX_ARRAY_ITEMS : this.remaining
    if (value < 0n || value > BigInt(limit))
      throw this.error(start, `a length of ${value} where ${this.remaining} bytes are left`)
    return Number(value)
  }

  readBoolean(): boolean {
    const start = this.#at
    const byte = this.#byte()
    if (byte > 1) throw this.error(start, `a boolean of value ${byte}`)
    return byte === 1
  }

  readFloat(): number {
    return this.#view.getFloat32(this.#advance(4), true)
  }

  readDouble(): number {
    return this.#view.getFloat64(this.#advance(8), true)
  }

  /** A copy, so that what is decoded outlives the file's buffer. */
  readRaw(length: number): Uint8Array {
    const start = this.#advance(length)
    return new Uint8Array(this.#bytes.subarray(start, start + length))
  }

  readBytes(): Uint8Array {
    return this.readRaw(this.readLength(1))
  }

  readString(): string {
    const length = this.readLength(1)
    const start = this.#advance(length)
    try {
      return utf8Decoder.decode(this.#bytes.subarray(start, start + length))
    } catch (cause) {
      throw this.error(start, 'a string that is not UTF-8', cause)
    }
  }

  error(at: number, problem: string, cause?: unknown): Error {
    return malformed(this.#what, `at byte ${at} of the Avro data: ${problem}`, cause)
  }

  #byte(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  #advance(length: number): number {
    const start = this.#at
    if (length > this.remaining) throw this.error(start, `${length} bytes expected, ${this.remaining} left`)
    this.#at += length
    return start
  }
}

/** Decodes one value of that schema and leaves the cursor behind it. */
export function readAvroValue(schema: AvroSchema, cursor: AvroCursor): AvroValue {
  if (typeof schema === 'string') return readPrimitive(schema, cursor)
  if ('length' in schema) return readOption(schema, cursor)
  if (schema.type === 'record') return readAvroRecord(schema, cursor)
  if (schema.type === 'array') return readItems(schema.items, cursor)
  if (schema.type === 'fixed') return cursor.readRaw(schema.size)
  return readPrimitive(schema.type, cursor)
}

export function readAvroRecord(schema: AvroRecord, cursor: AvroCursor): AvroRecordValue {
  const record = new Map<number, AvroValue>()
  for (const field of schema.fields) record.set(field['field-id'], readAvroValue(field.type, cursor))
  return record
}

function readPrimitive(type: Extract<AvroSchema, string>, cursor: AvroCursor): AvroValue {
  switch (type) {
    case 'null':
      return null
    case 'boolean':
      return cursor.readBoolean()
    case 'int':
      return cursor.readInt()
    case 'long':
      return cursor.readLong()
    case 'float':
      return cursor.readFloat()
    case 'double':
      return cursor.readDouble()
    case 'bytes':
      return cursor.readBytes()
    case 'string':
      return cursor.readString()
  }
}

function readOption(schema: readonly [AvroSchema, AvroSchema], cursor: AvroCursor): AvroValue {
  const start = cursor.position
  const branch = cursor.readInt()
  const chosen = schema[branch]
  if (chosen === undefined) throw cursor.error(start, `union branch ${branch} of 2`)
  return readAvroValue(chosen, cursor)
}

function readItems(items: AvroSchema, cursor: AvroCursor): readonly AvroValue[] {
  const values: AvroValue[] = []
  for (;;) {
    const start = cursor.position
    const signed = cursor.readLong()
    if (signed === 0n) return values
    // A negative count is followed by the size of the block in bytes, which only readers that skip need.
    if (signed < 0n) cursor.readLong()
    const count = signed < 0n ? -signed : signed
    if (count > BigInt(MAX_ARRAY_ITEMS - values.length))
      throw cursor.error(start, `an array of ${count} items`)
    for (let index = 0n; index < count; index++) values.push(readAvroValue(items, cursor))
  }
}
