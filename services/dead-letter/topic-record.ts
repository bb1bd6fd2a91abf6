/**
 * A dead letter as a record of its topic: the original record, and headers after its own that say where it came from and why it
 * failed. The names of the headers are a stable interface (docs/dead-letters.md).
 */
import type { ColumnValue } from '../../shared/columns/column-values.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { HeaderToWrite, RecordToWrite } from '../../shared/segment/record-encoder.ts'

/** Columns of the dead-letter table that a record is made from. */
export const TOPIC_COLUMNS = [
  'topic',
  'partition',
  'offset',
  'timestamp',
  'key',
  'value',
  'headers',
  'error_code',
  'error_message',
  'failed_schema_id',
  'failed_at',
] as const

/** The value of a column in the row of one dead letter. */
type Row = (column: (typeof TOPIC_COLUMNS)[number]) => ColumnValue

const encoder = new TextEncoder()

/** Errors: `dead-letter-unreadable`. */
export function topicRecordOf(row: Row): RecordToWrite {
  const key = row('key')
  const value = row('value')
  if (!isBytesOrNull(key)) throw unreadable('key', key)
  if (!isBytesOrNull(value)) throw unreadable('value', value)
  const added: readonly (readonly [string, string])[] = [
    ['tidewater.source.topic', textOf(row, 'topic')],
    ['tidewater.source.partition', numberOf(row, 'partition')],
    ['tidewater.source.offset', numberOf(row, 'offset')],
    ['tidewater.error.code', textOf(row, 'error_code')],
    ['tidewater.error.message', textOf(row, 'error_message')],
    ['tidewater.schema.id', numberOf(row, 'failed_schema_id')],
    ['tidewater.failed_at', new Date(millisOf(row, 'failed_at')).toISOString()],
  ]
  return {
    timestampMs: millisOf(row, 'timestamp'),
    key,
    value,
    headers: [
      ...originalHeaders(row('headers')),
      ...added.map(([name, text]) => ({ key: encoder.encode(name), value: encoder.encode(text) })),
    ],
  }
}

function originalHeaders(headers: ColumnValue): readonly HeaderToWrite[] {
  if (headers === null) return []
  if (!Array.isArray(headers)) throw unreadable('headers', headers)
  return headers.map((header: ColumnValue) => {
    const isStruct =
      typeof header === 'object' &&
      header !== null &&
      !Array.isArray(header) &&
      !(header instanceof Uint8Array)
    if (!isStruct) throw unreadable('headers', header)
    const { key, value } = Object.fromEntries(Object.entries(header))
    if (typeof key !== 'string') throw unreadable('headers.key', key)
    if (!isBytesOrNull(value)) throw unreadable('headers.value', value)
    return { key: encoder.encode(key), value }
  })
}

function isBytesOrNull(value: ColumnValue | undefined): value is Uint8Array | null {
  return value === null || value instanceof Uint8Array
}

function textOf(row: Row, column: 'topic' | 'error_code' | 'error_message'): string {
  const value = row(column)
  if (typeof value !== 'string') throw unreadable(column, value)
  return value
}

function numberOf(row: Row, column: 'partition' | 'offset' | 'failed_schema_id'): string {
  const value = row(column)
  if (typeof value !== 'number' && typeof value !== 'bigint') throw unreadable(column, value)
  return value.toString()
}

/** The table keeps microseconds of what were whole milliseconds. */
function millisOf(row: Row, column: 'timestamp' | 'failed_at'): number {
  const micros = row(column)
  if (typeof micros !== 'bigint') throw unreadable(column, micros)
  return Number(micros / 1000n)
}

function unreadable(column: string, found: ColumnValue | undefined): AppError {
  return new AppError({
    code: 'dead-letter-unreadable',
    next: 'park',
    message: `Reading column ${column} of a dead letter: a value of type ${typeof found} does not fit. The file was not written by this table's converter, or is damaged.`,
    details: { column },
  })
}
