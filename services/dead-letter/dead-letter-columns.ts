/**
 * The fixed schema of a dead-letter table, and the builder that gathers its rows: the original record as it was, and why it is no row.
 * A taken batch is valid until `reset`, which must come before the next `append`.
 */
import { createArena } from '../../shared/columns/arena.ts'
import { createBatchBuilder } from '../../shared/columns/batch-builder.ts'
import type { ColumnBatch } from '../../shared/columns/column.ts'
import { ListBuilder } from '../../shared/columns/column-builder.ts'
import { FixedBuilder } from '../../shared/columns/fixed-builder.ts'
import { VariableBuilder } from '../../shared/columns/variable-builder.ts'
import {
  HEADERS_TYPE,
  writeHeaders,
  writeOffset,
  writePart,
  writeTimestamp,
} from '../../shared/decode/kafka-metadata.ts'
import type { NestedField, Schema } from '../../shared/iceberg/schema.ts'
import { invariant } from '../../shared/runtime/errors.ts'
import type { RecordSlices } from '../../shared/segment/record-slices.ts'

export interface DeadLetter {
  readonly records: RecordSlices
  /** Which of the records. */
  readonly index: number
  readonly topic: string
  readonly partition: number
  readonly code: string
  readonly message: string
  /** The schema that the record failed against. */
  readonly schemaId: number
  readonly failedAtMs: number
}

export interface DeadLetterColumns {
  readonly rowCount: number
  /** Bytes in use in the column buffers. */
  readonly sizeBytes: number
  append(letter: DeadLetter): void
  take(): ColumnBatch
  reset(): void
}

/** Ids 0: whoever makes the schema gives them. */
export function deadLetterFields(): NestedField[] {
  return [
    { id: 0, name: 'topic', required: true, type: { kind: 'string' } },
    { id: 0, name: 'partition', required: true, type: { kind: 'int' } },
    { id: 0, name: 'offset', required: true, type: { kind: 'long' } },
    { id: 0, name: 'timestamp', required: true, type: { kind: 'timestamptz' } },
    { id: 0, name: 'key', required: false, type: { kind: 'binary' } },
    { id: 0, name: 'value', required: false, type: { kind: 'binary' } },
    { id: 0, name: 'headers', required: false, type: HEADERS_TYPE },
    { id: 0, name: 'error_code', required: true, type: { kind: 'string' } },
    { id: 0, name: 'error_message', required: true, type: { kind: 'string' } },
    { id: 0, name: 'failed_schema_id', required: true, type: { kind: 'int' } },
    { id: 0, name: 'failed_at', required: true, type: { kind: 'timestamptz' } },
  ]
}

/** `schema` is that of the dead-letter table: `deadLetterFields()` with ids. */
export function createDeadLetterColumns(schema: Schema): DeadLetterColumns {
  const builder = createBatchBuilder(schema.fields, createArena())
  const [topic, partition, offset, timestamp, key, value, headers, code, message, schemaId, failedAt] =
    builder.columns
  invariant(
    topic instanceof VariableBuilder &&
      partition instanceof FixedBuilder &&
      offset instanceof FixedBuilder &&
      timestamp instanceof FixedBuilder &&
      key instanceof VariableBuilder &&
      value instanceof VariableBuilder &&
      headers instanceof ListBuilder &&
      code instanceof VariableBuilder &&
      message instanceof VariableBuilder &&
      schemaId instanceof FixedBuilder &&
      failedAt instanceof FixedBuilder,
    'the schema of a dead-letter table is that of deadLetterFields',
  )
  let rowCount = 0
  let isTaken = false
  return {
    get rowCount() {
      return rowCount
    },
    get sizeBytes() {
      return builder.sizeBytes(rowCount)
    },
    append(letter) {
      invariant(!isTaken, 'dead-letter columns are reset before more is appended')
      const { records, index } = letter
      const row = rowCount
      builder.ensureRows(row + 1)
      topic.setText(row, letter.topic)
      partition.setInt32(row, letter.partition)
      writeOffset(offset, row, records, index)
      writeTimestamp(timestamp, row, records.timestampsMs[index] ?? 0)
      writePart(key, row, records.bytes, records.keyStarts[index] ?? -1, records.keyEnds[index] ?? -1)
      writePart(value, row, records.bytes, records.valueStarts[index] ?? -1, records.valueEnds[index] ?? -1)
      writeHeaders(headers, row, records, index)
      code.setText(row, letter.code)
      message.setText(row, letter.message)
      schemaId.setInt32(row, letter.schemaId)
      writeTimestamp(failedAt, row, letter.failedAtMs)
      rowCount++
    },
    take() {
      isTaken = true
      return builder.take(rowCount)
    },
    reset() {
      builder.reset()
      rowCount = 0
      isTaken = false
    },
  }
}
