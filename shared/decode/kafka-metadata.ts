/**
 * The columns that say where a row came from: one struct `_kafka`, or the same as flat columns `_kafka_topic` … `_kafka_headers`.
 *
 * Header keys are text by Kafka's convention, which nothing enforces: bytes that are not UTF-8 become U+FFFD, as in the Java client.
 * Timestamps outside the years 0001 to 9999 are moved to the nearest end of that range, since readers cannot show them.
 */
import { isUtf8 } from 'node:buffer'
import { type ColumnBuilder, ListBuilder, StructBuilder } from '../columns/column-builder.ts'
import { FixedBuilder } from '../columns/fixed-builder.ts'
import { VariableBuilder } from '../columns/variable-builder.ts'
import type { IcebergType, NestedField } from '../iceberg/schema.ts'
import { invariant } from '../runtime/errors.ts'
import type { RecordSlices } from '../segment/record-slices.ts'
import { FIRST_MICROS, LAST_MICROS } from './temporal-text.ts'

export type MetadataMode = 'struct' | 'flat' | 'none'

export const METADATA_COLUMN = '_kafka'

export interface RecordSource {
  readonly topic: string
  readonly partition: number
}

/** The metadata fields of a table, ids 0: whoever makes the schema gives them. */
export function metadataFields(mode: MetadataMode): NestedField[] {
  if (mode === 'none') return []
  const parts = kafkaFields()
  if (mode === 'flat') return parts.map(part => ({ ...part, name: `${METADATA_COLUMN}_${part.name}` }))
  const doc = 'Where the record came from'
  return [{ id: 0, name: METADATA_COLUMN, required: true, type: { kind: 'struct', fields: parts }, doc }]
}

/** Headers as a list of structs: keys may repeat, and values may be null. */
export const HEADERS_TYPE: IcebergType = {
  kind: 'list',
  elementId: 0,
  elementRequired: true,
  element: {
    kind: 'struct',
    fields: [
      { id: 0, name: 'key', required: true, type: { kind: 'string' } },
      { id: 0, name: 'value', required: false, type: { kind: 'binary' } },
    ],
  },
}

function kafkaFields(): NestedField[] {
  return [
    { id: 0, name: 'topic', required: true, type: { kind: 'string' } },
    { id: 0, name: 'partition', required: true, type: { kind: 'int' } },
    { id: 0, name: 'offset', required: true, type: { kind: 'long' } },
    { id: 0, name: 'timestamp', required: true, type: { kind: 'timestamptz' } },
    { id: 0, name: 'key', required: false, type: { kind: 'binary' } },
    { id: 0, name: 'headers', required: false, type: HEADERS_TYPE },
  ]
}

export interface MetadataWriter {
  /** Writes rows `row …` from the records `rowRecords[0 .. count)`; there must be room for them. */
  append(
    slices: RecordSlices,
    source: RecordSource,
    rows: { rowRecords: Int32Array; count: number; row: number },
  ): void
}

/** Writes into the builders of `metadataFields(mode)`, in that order; none for `none`. */
export function createMetadataWriter(columns: readonly ColumnBuilder[]): MetadataWriter {
  const [first] = columns
  if (first === undefined) return { append: () => undefined }
  const parts = first instanceof StructBuilder ? first.children : columns
  const [topic, partition, offset, timestamp, key, headers] = parts
  invariant(
    topic instanceof VariableBuilder &&
      partition instanceof FixedBuilder &&
      offset instanceof FixedBuilder &&
      timestamp instanceof FixedBuilder &&
      key instanceof VariableBuilder &&
      headers instanceof ListBuilder,
    'the metadata columns of the schema are those of metadataFields',
  )
  return {
    append(slices, source, { rowRecords, count, row }) {
      topic.setRepeated(row, count, Buffer.from(source.topic))
      partition.fillInt32(row, row + count, source.partition)
      writeOffsets(offset, slices, { rowRecords, count, row })
      for (let i = 0; i < count; i++) {
        const record = rowRecords[i] ?? 0
        writeTimestamp(timestamp, row + i, slices.timestampsMs[record] ?? 0)
        writePart(key, row + i, slices.bytes, slices.keyStarts[record] ?? -1, slices.keyEnds[record] ?? -1)
        writeHeaders(headers, row + i, slices, record)
      }
    },
  }
}

export function writeOffset(column: FixedBuilder, slot: number, slices: RecordSlices, record: number): void {
  column.setInt64(slot, slices.baseOffset + BigInt(slices.offsetDeltas[record] ?? 0))
}

/** Without a bigint per record where doubles hold the offsets, which is nearly always: they kept the garbage collector busy. */
function writeOffsets(
  column: FixedBuilder,
  slices: RecordSlices,
  { rowRecords, count, row }: { rowRecords: Int32Array; count: number; row: number },
): void {
  const base = Number(slices.baseOffset)
  const isExact = base <= Number.MAX_SAFE_INTEGER - MAX_OFFSET_DELTA
  for (let i = 0; i < count; i++) {
    const record = rowRecords[i] ?? 0
    if (isExact) column.setInt64FromNumber(row + i, base + (slices.offsetDeltas[record] ?? 0))
    else writeOffset(column, row + i, slices, record)
  }
}

/** Offset deltas are int32. */
const MAX_OFFSET_DELTA = 2 ** 31

/** Unix milliseconds into a timestamptz. */
export function writeTimestamp(column: FixedBuilder, slot: number, timestampMs: number): void {
  const micros = timestampMs * 1000
  if (Number.isSafeInteger(micros)) {
    column.setInt64FromNumber(slot, micros)
    return
  }
  const exact = BigInt(Math.trunc(timestampMs)) * 1000n
  column.setInt64(slot, exact < FIRST_MICROS ? FIRST_MICROS : exact > LAST_MICROS ? LAST_MICROS : exact)
}

/** Bytes of the batch, null when `start` is −1. */
export function writePart(
  column: VariableBuilder,
  slot: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  if (start < 0) column.setNull(slot)
  else column.setRange(slot, bytes, { start, end })
}

/** No headers are an empty list. The record parser has checked the encoding (varint sizes) and the counts. */
export function writeHeaders(column: ListBuilder, slot: number, slices: RecordSlices, record: number): void {
  const count = slices.headerCounts[record] ?? 0
  const first = column.firstChild(slot)
  column.endSlot(slot, first + count)
  if (count === 0) return
  const { element } = column
  invariant(element instanceof StructBuilder, 'headers are structs')
  const [key, value] = element.children
  invariant(
    key instanceof VariableBuilder && value instanceof VariableBuilder,
    'headers have a key and a value',
  )
  element.ensureSlots(first + count)
  const { bytes } = slices
  let position = slices.headersStarts[record] ?? 0
  for (let i = 0; i < count; i++) {
    const keySize = zigzagSize(bytes, position)
    const keyStart = position + varintLength(bytes, position)
    position = keyStart + keySize
    writeText(key, first + i, bytes.subarray(keyStart, position))
    const valueSize = zigzagSize(bytes, position)
    const valueStart = position + varintLength(bytes, position)
    position = valueStart + Math.max(valueSize, 0)
    writePart(value, first + i, bytes, valueSize < 0 ? -1 : valueStart, position)
  }
}

function writeText(column: VariableBuilder, slot: number, text: Uint8Array): void {
  if (isUtf8(text)) column.setBytes(slot, text)
  else column.setText(slot, Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8'))
}

/** An int32 zigzag varint that is known to be well-formed. */
function zigzagSize(bytes: Uint8Array, position: number): number {
  let zigzag = 0
  for (let i = 0; i < 5; i++) {
    const byte = bytes[position + i] ?? 0
    zigzag |= (byte & 127) << (7 * i)
    if (byte < 128) break
  }
  return (zigzag >>> 1) ^ -(zigzag & 1)
}

function varintLength(bytes: Uint8Array, position: number): number {
  let length = 1
  while (length < 5 && (bytes[position + length - 1] ?? 0) >= 128) length++
  return length
}
