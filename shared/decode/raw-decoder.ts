/**
 * The `raw` format: a record's key and value as they are, in columns named `key` and `value` of type binary or string.
 * A string must be valid UTF-8. A null key or value (a tombstone) is a null, and a failure where the column is required.
 */
import { isUtf8 } from 'node:buffer'
import type { BatchBuilder } from '../columns/batch-builder.ts'
import type { ColumnBuilder } from '../columns/column-builder.ts'
import type { VariableBuilder } from '../columns/variable-builder.ts'
import { AppError } from '../runtime/errors.ts'
import type { RecordSlices } from '../segment/record-slices.ts'
import type { RecordDecoder } from './record-decoder.ts'
import type { RecordFailure } from './record-failure.ts'

interface RawColumn {
  readonly part: 'key' | 'value'
  readonly column: VariableBuilder
  readonly isText: boolean
}

/** Throws `raw-schema-mismatch` when a field is not one of the two. */
export function createRawDecoder(builder: BatchBuilder): RecordDecoder {
  const columns = builder.columns.map(toRawColumn)
  return {
    decode(slices, range, rowRecords, onFailure) {
      let row = range.row
      for (let i = range.from; i < range.to; i++) {
        const failure = writeRecord(columns, slices, i, row)
        if (failure === undefined) {
          rowRecords[row - range.row] = i
          row++
        } else {
          builder.truncate(row)
          onFailure(i, failure)
        }
      }
      return row - range.row
    },
  }
}

function toRawColumn(column: ColumnBuilder): RawColumn {
  const { name, type } = column.field
  if (column.layout === 'variable' && (name === 'key' || name === 'value')) {
    return { part: name, column, isText: type.kind === 'string' }
  }
  throw new AppError({
    code: 'raw-schema-mismatch',
    next: 'fatal',
    message:
      `Preparing a raw decoder: the schema has a field "${name}" of type ${type.kind}, but the raw format has only ` +
      '"key" and "value", each binary or string. Rename or drop the field, or declare another source_format.',
  })
}

function writeRecord(
  columns: readonly RawColumn[],
  slices: RecordSlices,
  i: number,
  row: number,
): RecordFailure | undefined {
  for (const { part, column, isText } of columns) {
    const start = (part === 'key' ? slices.keyStarts[i] : slices.valueStarts[i]) ?? -1
    const end = (part === 'key' ? slices.keyEnds[i] : slices.valueEnds[i]) ?? -1
    if (start < 0) {
      if (column.field.required) return nullPart(part)
      column.setNull(row)
      continue
    }
    if (isText && !isUtf8(slices.bytes.subarray(start, end))) {
      return {
        code: 'invalid-utf8',
        message: `$.${part}: the ${part} is not valid UTF-8; declare the column as binary`,
      }
    }
    column.setRange(row, slices.bytes, { start, end })
  }
  return undefined
}

function nullPart(part: 'key' | 'value'): RecordFailure {
  const message = `$.${part}: expected a ${part}, because the column is required, found null`
  return { code: part === 'value' ? 'null-value' : 'missing-required', message }
}
