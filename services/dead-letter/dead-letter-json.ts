/**
 * A dead letter as JSON, for `dlq show --json` and the API: as `segment cat` writes records. Bytes stand under their own name where they are
 * UTF-8, else as base64 under `<name>_base64`. Times are ISO 8601.
 */
import type { ColumnValue } from '../../shared/columns/column-values.ts'
import { bytesField } from '../segment-tools/bytes-field.ts'
import type { DeadLetterRow } from './read-dead-letters.ts'

export function deadLetterJson(row: DeadLetterRow): Readonly<Record<string, unknown>> {
  return { ...jsonFields(row), timestamp: isoTime(row.timestamp), failed_at: isoTime(row.failed_at) }
}

/** Of microseconds. */
export function isoTime(micros: ColumnValue | undefined): string {
  return typeof micros === 'bigint' ? new Date(Number(micros / 1000n)).toISOString() : '?'
}

function jsonFields(fields: Readonly<Record<string, ColumnValue>>): Readonly<Record<string, unknown>> {
  const shown = Object.entries(fields).map(([name, value]) =>
    value instanceof Uint8Array ? bytesField(name, value) : { [name]: jsonValue(value) },
  )
  return Object.assign({}, ...shown)
}

function jsonValue(value: ColumnValue): unknown {
  if (Array.isArray(value)) return value.map(jsonValue)
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array))
    return jsonFields(value as Readonly<Record<string, ColumnValue>>)
  return value
}
