/**
 * Thrift's compact protocol as a tree that is read, changed in a few places and written again: enough for Parquet footers, page
 * headers and offset indexes, which use no maps. Fields that nobody here knows pass through unchanged.
 *
 * hyparquet reads footers too, but into names and values; only a tree of the wire form can be written back without loss.
 */
import { AppError, unreachable } from '../runtime/errors.ts'

export type ThriftValue =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly wire: 'byte' | 'i16' | 'i32'; readonly value: number }
  | { readonly kind: 'i64'; readonly value: bigint }
  /** The eight bytes as they are on the wire. */
  | { readonly kind: 'double'; readonly bytes: Uint8Array }
  | { readonly kind: 'binary'; readonly bytes: Uint8Array }
  | { readonly kind: 'list'; readonly elementCode: number; readonly items: readonly ThriftValue[] }
  | { readonly kind: 'struct'; readonly fields: ThriftFields }

/** Field id to value, ascending where this file wrote or read it. */
export type ThriftFields = ReadonlyMap<number, ThriftValue>

const CODE = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
} as const

/** Parquet's own structures nest about ten deep. */
const MAX_DEPTH = 32

interface Reader {
  readonly bytes: Uint8Array
  at: number
}

/** Reads one struct from the start of `bytes`; what follows it is ignored. Throws `thrift-malformed` with the byte offset. */
export function readThriftStruct(bytes: Uint8Array): ThriftFields {
  return readFields({ bytes, at: 0 }, 0)
}

/** Reads one struct at `position`, and says where it ends. Errors: see `readThriftStruct`. */
export function readThriftStructAt(
  bytes: Uint8Array,
  position: number,
): { readonly fields: ThriftFields; readonly end: number } {
  const reader = { bytes, at: position }
  const fields = readFields(reader, 0)
  return { fields, end: reader.at }
}

function readFields(reader: Reader, depth: number): ThriftFields {
  if (depth > MAX_DEPTH) throw malformed(reader, `nesting deeper than ${MAX_DEPTH}`)
  const fields = new Map<number, ThriftValue>()
  let id = 0
  for (;;) {
    const header = readByte(reader)
    if (header === 0) return fields
    const delta = header >> 4
    id = delta === 0 ? Number(unzigzag(readVarint(reader))) : id + delta
    fields.set(id, readValue(reader, header & 15, depth))
  }
}

function readValue(reader: Reader, code: number, depth: number): ThriftValue {
  switch (code) {
    case CODE.true:
      return { kind: 'bool', value: true }
    case CODE.false:
      return { kind: 'bool', value: false }
    case CODE.byte:
      return { kind: 'int', wire: 'byte', value: (readByte(reader) << 24) >> 24 }
    case CODE.i16:
      return { kind: 'int', wire: 'i16', value: Number(unzigzag(readVarint(reader))) }
    case CODE.i32:
      return { kind: 'int', wire: 'i32', value: Number(unzigzag(readVarint(reader))) }
    case CODE.i64:
      return { kind: 'i64', value: unzigzag(readVarint(reader)) }
    case CODE.double:
      return { kind: 'double', bytes: readBytes(reader, 8) }
    case CODE.binary:
      return { kind: 'binary', bytes: readBytes(reader, Number(readVarint(reader))) }
    case CODE.list:
    case CODE.set:
      return readList(reader, depth + 1)
    case CODE.struct:
      return { kind: 'struct', fields: readFields(reader, depth + 1) }
    default:
      throw malformed(reader, `type code ${code}`)
  }
}

function readList(reader: Reader, depth: number): ThriftValue {
  if (depth > MAX_DEPTH) throw malformed(reader, `nesting deeper than ${MAX_DEPTH}`)
  const header = readByte(reader)
  const elementCode = header & 15
  const size = header >> 4 === 15 ? Number(readVarint(reader)) : header >> 4
  // Every element takes a byte at least, so a damaged length cannot allocate more than the input holds.
  if (size > reader.bytes.length - reader.at) throw malformed(reader, `a list of ${size} elements`)
  const items: ThriftValue[] = []
  for (let i = 0; i < size; i++) {
    // Booleans inside lists take a byte of their own: 1 is true.
    const isBool = elementCode === CODE.true || elementCode === CODE.false
    items.push(
      isBool
        ? { kind: 'bool', value: readByte(reader) === CODE.true }
        : readValue(reader, elementCode, depth),
    )
  }
  return { kind: 'list', elementCode, items }
}

function readByte(reader: Reader): number {
  const byte = reader.bytes[reader.at]
  if (byte === undefined) throw malformed(reader, 'the end of the input')
  reader.at++
  return byte
}

function readBytes(reader: Reader, length: number): Uint8Array {
  const end = reader.at + length
  if (end > reader.bytes.length) throw malformed(reader, `a length of ${length} bytes`)
  const bytes = reader.bytes.subarray(reader.at, end)
  reader.at = end
  return bytes
}

function readVarint(reader: Reader): bigint {
  // Numbers of up to four bytes are nearly all of a footer, and need no bigint arithmetic.
  let low = 0
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = readByte(reader)
    low |= (byte & 127) << shift
    if (byte < 128) return BigInt(low)
  }
  let value = BigInt(low)
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = readByte(reader)
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return BigInt.asUintN(64, value)
  }
  throw malformed(reader, 'a varint of more than 10 bytes')
}

function unzigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}

function malformed(reader: Reader, found: string): AppError {
  return new AppError({
    code: 'thrift-malformed',
    next: 'park',
    message: `Reading Parquet metadata: found ${found} at byte ${reader.at} of ${reader.bytes.length}. The file is damaged or was not written by a Parquet writer.`,
    details: { byteOffset: reader.at },
  })
}

/** Kept from struct to struct: a file of thousands of columns writes tens of thousands of them, of some twenty bytes each. */
const SCRATCH = new Uint8Array(1024)

/** The inverse of `readThriftStruct`: ids ascending, short field headers where they fit. */
export function writeThriftStruct(fields: ThriftFields): Uint8Array {
  const out: Writer = { bytes: SCRATCH, at: 0 }
  writeFields(out, fields)
  return out.bytes.slice(0, out.at)
}

interface Writer {
  bytes: Uint8Array
  at: number
}

function writeFields(out: Writer, fields: ThriftFields): void {
  let lastId = 0
  for (const [id, value] of [...fields].sort(([a], [b]) => a - b)) {
    const code = wireCode(value)
    if (id - lastId >= 1 && id - lastId <= 15) writeByte(out, ((id - lastId) << 4) | code)
    else {
      writeByte(out, code)
      writeVarint(out, zigzag(BigInt(id)))
    }
    lastId = id
    if (value.kind !== 'bool') writeValue(out, value)
  }
  writeByte(out, 0)
}

function wireCode(value: ThriftValue): number {
  if (value.kind === 'bool') return value.value ? CODE.true : CODE.false
  return value.kind === 'int' ? CODE[value.wire] : CODE[value.kind]
}

function writeValue(out: Writer, value: ThriftValue): void {
  switch (value.kind) {
    case 'bool':
      writeByte(out, value.value ? CODE.true : CODE.false)
      return
    case 'int':
      if (value.wire === 'byte') writeByte(out, value.value & 255)
      else writeVarint(out, zigzag(BigInt(value.value)))
      return
    case 'i64':
      writeVarint(out, zigzag(value.value))
      return
    case 'double':
      writeBytes(out, value.bytes)
      return
    case 'binary':
      writeVarint(out, BigInt(value.bytes.length))
      writeBytes(out, value.bytes)
      return
    case 'list':
      if (value.items.length < 15) writeByte(out, (value.items.length << 4) | value.elementCode)
      else {
        writeByte(out, 0xf0 | value.elementCode)
        writeVarint(out, BigInt(value.items.length))
      }
      for (const item of value.items) writeValue(out, item)
      return
    case 'struct':
      writeFields(out, value.fields)
      return
    default:
      unreachable(value)
  }
}

function zigzag(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
}

function writeByte(out: Writer, byte: number): void {
  reserve(out, 1)
  out.bytes[out.at++] = byte
}

function writeBytes(out: Writer, bytes: Uint8Array): void {
  reserve(out, bytes.length)
  out.bytes.set(bytes, out.at)
  out.at += bytes.length
}

function writeVarint(out: Writer, value: bigint): void {
  let rest = value
  while (rest >= 128n) {
    writeByte(out, Number(rest & 127n) | 128)
    rest >>= 7n
  }
  writeByte(out, Number(rest))
}

function reserve(out: Writer, length: number): void {
  if (out.at + length <= out.bytes.length) return
  const grown = new Uint8Array(Math.max(out.bytes.length * 2, out.at + length))
  grown.set(out.bytes)
  out.bytes = grown
}
