/**
 * Decodes one JSON record the plain way: check the text, parse it, write it. It defines what a record means and gives every failure its
 * precise message; the generated scanner only ever accepts what this accepts, and hands over whatever it does not.
 */
import { isUtf8 } from 'node:buffer'
import type { BatchBuilder } from '../columns/batch-builder.ts'
import type { FieldOptionsById, UnknownFields } from './field-options.ts'
import { type JsonMembers, jsonMembers } from './json-fields.ts'
import { mismatch } from './json-scalars.ts'
import { parseJson } from './json-text.ts'
import { writeMembers } from './json-writer.ts'
import type { RecordDecoder } from './record-decoder.ts'
import { type RecordFailure, toRecordFailure, type ValueFailure, valueFailure } from './record-failure.ts'

export interface SimpleJsonDecoder extends RecordDecoder {
  readonly members: JsonMembers
  /**
   * Writes `bytes[range.start .. range.end)` as row `row`, for which there must be room; a start of −1 is a null value.
   * After a failure nothing is left of the row.
   */
  decodeRecord(
    bytes: Uint8Array,
    range: { start: number; end: number },
    row: number,
  ): RecordFailure | undefined
}

export interface JsonDecoderOptions {
  readonly builder: BatchBuilder
  readonly fieldOptions: FieldOptionsById
  readonly unknownFields: UnknownFields
}

export function createSimpleJsonDecoder(options: JsonDecoderOptions): SimpleJsonDecoder {
  const { builder, unknownFields } = options
  const members = jsonMembers(builder.columns, options.fieldOptions)

  function write(
    bytes: Uint8Array,
    range: { start: number; end: number },
    row: number,
  ): ValueFailure | undefined {
    const { start, end } = range
    if (start < 0)
      return valueFailure('null-value', 'expected a JSON object, found a null value (a tombstone)')
    if (start === end) return valueFailure('empty-value', 'expected a JSON object, found a value of 0 bytes')
    if (!isUtf8(bytes.subarray(start, end)))
      return valueFailure('invalid-utf8', 'the value is not valid UTF-8')
    const parsed = parseJson({ bytes, start, end })
    if ('failure' in parsed) return parsed.failure
    if (parsed.value.kind !== 'object') return mismatch('a JSON object', parsed.value)
    return writeMembers(members, row, parsed.value.members, unknownFields)
  }

  function decodeRecord(
    bytes: Uint8Array,
    range: { start: number; end: number },
    row: number,
  ): RecordFailure | undefined {
    const failure = write(bytes, range, row)
    if (failure === undefined) return undefined
    builder.truncate(row)
    return toRecordFailure(failure)
  }

  return {
    members,
    decodeRecord,
    decode(slices, range, rowRecords, onFailure) {
      let row = range.row
      for (let i = range.from; i < range.to; i++) {
        const value = { start: slices.valueStarts[i] ?? -1, end: slices.valueEnds[i] ?? -1 }
        const failure = decodeRecord(slices.bytes, value, row)
        if (failure === undefined) rowRecords[row++ - range.row] = i
        else onFailure(i, failure)
      }
      return row - range.row
    },
  }
}
