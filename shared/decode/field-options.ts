/** How a field's JSON is read where its type leaves a choice. Options run parallel to the schema, keyed by field id. */

/** What a JSON number means in a date, time or timestamp field. `days` is for dates only. */
export type EpochUnit = 'days' | 'seconds' | 'millis' | 'micros'

export interface FieldOptions {
  /** Without it, numbers are refused in date, time and timestamp fields. */
  readonly epochUnit?: EpochUnit
  /** How binary and fixed are written as text; base64 unless told. */
  readonly binaryEncoding?: 'base64' | 'hex'
}

export type FieldOptionsById = ReadonlyMap<number, FieldOptions>

/** What happens to a record with a key that the schema does not name. */
export type UnknownFields = 'ignore' | 'dlq'
