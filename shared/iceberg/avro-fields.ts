/** Taking typed fields, by Iceberg field id, out of decoded Avro records; a field of another type is `iceberg-malformed`. */
import type { AvroRecordValue, AvroValue } from './avro-binary.ts'
import { malformed } from './iceberg-error.ts'

export class AvroFields {
  readonly #record: AvroRecordValue
  readonly #what: string

  constructor(record: AvroRecordValue, what: string) {
    this.#record = record
    this.#what = what
  }

  /** `null` where the field is absent. */
  value(id: number): AvroValue {
    return this.#record.get(id) ?? null
  }

  int(id: number): number {
    const value = this.value(id)
    if (typeof value === 'number') return value
    throw this.#wrong(id, 'an int')
  }

  long(id: number): bigint {
    const value = this.value(id)
    // Version 1 writers gave some of the counters as ints.
    if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
    if (typeof value === 'bigint') return value
    throw this.#wrong(id, 'a long')
  }

  optionalLong(id: number): bigint | undefined {
    return this.value(id) === null ? undefined : this.long(id)
  }

  string(id: number): string {
    const value = this.value(id)
    if (typeof value === 'string') return value
    throw this.#wrong(id, 'a string')
  }

  boolean(id: number): boolean {
    const value = this.value(id)
    if (typeof value === 'boolean') return value
    throw this.#wrong(id, 'a boolean')
  }

  optionalBytes(id: number): Uint8Array | undefined {
    const value = this.value(id)
    if (value === null) return undefined
    if (value instanceof Uint8Array) return value
    throw this.#wrong(id, 'bytes')
  }

  record(id: number): AvroRecordValue {
    const value = this.value(id)
    if (isAvroRecord(value)) return value
    throw this.#wrong(id, 'a record')
  }

  /** Empty where the field is null. */
  list(id: number): readonly AvroValue[] {
    const value = this.value(id)
    if (value === null) return []
    if (isAvroList(value)) return value
    throw this.#wrong(id, 'a list')
  }

  /** An array of key/value records with int keys; empty where the field is null. */
  intMap<T>(id: number, ids: { key: number; value: number }, take: (entry: AvroFields) => T): Map<number, T> {
    const map = new Map<number, T>()
    for (const item of this.list(id)) {
      if (!isAvroRecord(item)) throw this.#wrong(id, 'a map of key/value records')
      const entry = new AvroFields(item, this.#what)
      map.set(entry.int(ids.key), take(entry))
    }
    return map
  }

  #wrong(id: number, expected: string): Error {
    const value = this.value(id)
    return malformed(
      this.#what,
      `field ${id} should be ${expected}, found ${value === null ? 'null' : typeof value}`,
    )
  }
}

function isAvroList(value: AvroValue): value is readonly AvroValue[] {
  return Array.isArray(value)
}

export function isAvroRecord(value: AvroValue): value is AvroRecordValue {
  return value instanceof Map
}
