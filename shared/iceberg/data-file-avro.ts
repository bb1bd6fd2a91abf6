/**
 * The `data_file` struct of a version 2 manifest entry (table spec, "Manifests"). A file is encoded once, when it is converted, and kept
 * encoded: its bytes go into every manifest that lists it, while status and snapshot change around them.
 *
 * The bytes hold the partition in its spec's result types, so files of different specs never share a manifest.
 * Maps are written in the order of their keys: equal files have equal bytes.
 */
import { unreachable } from '../runtime/errors.ts'
import {
  AvroCursor,
  type AvroRecordValue,
  type AvroValue,
  AvroWriter,
  readAvroRecord,
} from './avro-binary.ts'
import { AvroFields } from './avro-fields.ts'
import {
  type AvroField,
  type AvroRecord,
  avroName,
  avroTypeOf,
  decimalFixedBytes,
  intMap,
  listOf,
  optionalField,
  requiredField,
} from './avro-schema.ts'
import type { DataFile } from './data-file.ts'
import { malformed, unsupported } from './iceberg-error.ts'
import type { PartitionSpec, PartitionValue } from './partition-spec.ts'
import { type BoundPartitionField, partitionType } from './partition-type.ts'
import type { PrimitiveType, Schema } from './schema.ts'
import { deserializeSingleValue, serializeSingleValue } from './single-value.ts'

const CONTENT_DATA = 0
const FILE_FORMAT = 'PARQUET'
/** Files are written in no declared order. */
const UNSORTED_ORDER_ID = 0

/** Field ids of the spec, for those who read entries back. */
const ID = {
  content: 134,
  filePath: 100,
  fileFormat: 101,
  partition: 102,
  recordCount: 103,
  fileSizeInBytes: 104,
  splitOffsets: 132,
} as const

/** The int-keyed maps: field id, then the ids of key and value. */
const MAPS = {
  columnSizes: [108, 117, 118],
  valueCounts: [109, 119, 120],
  nullValueCounts: [110, 121, 122],
  nanValueCounts: [137, 138, 139],
  lowerBounds: [125, 126, 127],
  upperBounds: [128, 129, 130],
} as const

/** The record schema; an unpartitioned spec has an empty partition record, never null. */
export function dataFileAvroSchema(partition: readonly BoundPartitionField[]): AvroRecord {
  return {
    type: 'record',
    name: 'r2',
    fields: [
      requiredField('content', ID.content, 'int'),
      requiredField('file_path', ID.filePath, 'string'),
      requiredField('file_format', ID.fileFormat, 'string'),
      requiredField('partition', ID.partition, {
        type: 'record',
        name: 'r102',
        fields: partition.map(partitionAvroField),
      }),
      requiredField('record_count', ID.recordCount, 'long'),
      requiredField('file_size_in_bytes', ID.fileSizeInBytes, 'long'),
      optionalMap('column_sizes', MAPS.columnSizes, 'long'),
      optionalMap('value_counts', MAPS.valueCounts, 'long'),
      optionalMap('null_value_counts', MAPS.nullValueCounts, 'long'),
      optionalMap('nan_value_counts', MAPS.nanValueCounts, 'long'),
      optionalMap('lower_bounds', MAPS.lowerBounds, 'bytes'),
      optionalMap('upper_bounds', MAPS.upperBounds, 'bytes'),
      optionalField('key_metadata', 131, 'bytes'),
      optionalField('split_offsets', ID.splitOffsets, listOf(133, 'long')),
      optionalField('equality_ids', 135, listOf(136, 'int')),
      optionalField('sort_order_id', 140, 'int'),
    ],
  }
}

function optionalMap(
  name: string,
  [id, keyId, valueId]: readonly [number, number, number],
  value: 'long' | 'bytes',
): AvroField {
  return optionalField(name, id, intMap(keyId, valueId, value))
}

function partitionAvroField(field: BoundPartitionField): AvroField {
  const name = avroName(field.name)
  return {
    ...optionalField(name, field.fieldId, avroTypeOf(field.type, `_${field.fieldId}`)),
    ...(name === field.name ? {} : { 'iceberg-field-name': field.name }),
  }
}

/** `spec` is the file's own; `schema` one that has the spec's source columns. */
export function encodeDataFile(file: DataFile, spec: PartitionSpec, schema: Schema): Uint8Array {
  const writer = new AvroWriter()
  writer.writeLong(CONTENT_DATA)
  writer.writeString(file.path)
  writer.writeString(FILE_FORMAT)
  for (const [index, field] of partitionType(spec, schema).entries())
    writer.writeOption(file.partition[index], value => writePartitionValue(writer, field.type, value))
  writer.writeLong(file.recordCount)
  writer.writeLong(file.fileSizeBytes)
  const { metrics } = file
  for (const counts of [
    metrics.columnSizes,
    metrics.valueCounts,
    metrics.nullValueCounts,
    metrics.nanValueCounts,
  ])
    writeMap(writer, counts, count => writer.writeLong(count))
  for (const bounds of [metrics.lowerBounds, metrics.upperBounds])
    writeMap(writer, bounds, bound => writer.writeBytes(bound))
  writer.writeOption(null, () => {}) // key_metadata: files are not encrypted
  writer.writeOption(file.splitOffsets.length === 0 ? null : file.splitOffsets, offsets =>
    writer.writeArray(offsets, offset => writer.writeLong(offset)),
  )
  writer.writeOption(null, () => {}) // equality_ids: for delete files only
  writer.writeOption(UNSORTED_ORDER_ID, id => writer.writeLong(id))
  return writer.toBytes()
}

function writeMap<T>(writer: AvroWriter, map: ReadonlyMap<number, T>, write: (value: T) => void): void {
  const entries = [...map].sort(([left], [right]) => left - right)
  writer.writeOption(entries.length === 0 ? null : entries, present =>
    writer.writeArray(present, ([key, value]) => {
      writer.writeLong(key)
      write(value)
    }),
  )
}

function writePartitionValue(writer: AvroWriter, type: PrimitiveType, value: PartitionValue): void {
  // Serializing first checks the shape of the value, and fixed types and decimals need the bytes anyway.
  const bytes = serializeSingleValue(type, value)
  switch (type.kind) {
    case 'boolean':
    case 'float':
    case 'double':
    case 'uuid':
    case 'fixed':
      writer.writeRaw(bytes)
      break
    case 'int':
    case 'date':
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      writer.writeLong(typeof value === 'bigint' ? value : Number(value))
      break
    case 'decimal':
      writer.writeRaw(signExtended(bytes, decimalFixedBytes(type.precision)))
      break
    case 'string':
    case 'binary':
      writer.writeBytes(bytes)
      break
    default:
      unreachable(type)
  }
}

function signExtended(bytes: Uint8Array, length: number): Uint8Array {
  const extended = new Uint8Array(length).fill((bytes[0] ?? 0) >= 0x80 ? 0xff : 0)
  extended.set(bytes, length - bytes.length)
  return extended
}

/** The inverse of `encodeDataFile`. */
export function decodeDataFile(encoded: Uint8Array, spec: PartitionSpec, schema: Schema): DataFile {
  const what = `an encoded data file of spec ${spec.specId}`
  const partition = partitionType(spec, schema)
  const cursor = new AvroCursor(encoded, what)
  const record = readAvroRecord(dataFileAvroSchema(partition), cursor)
  if (cursor.remaining > 0) throw malformed(what, `${cursor.remaining} bytes after the data file`)
  return dataFileFromAvro(record, { spec, partition, what })
}

/** A data file from a decoded manifest entry, of any writer. */
export function dataFileFromAvro(
  record: AvroRecordValue,
  context: { spec: PartitionSpec; partition: readonly BoundPartitionField[]; what: string },
): DataFile {
  const { spec, partition, what } = context
  const fields = new AvroFields(record, what)
  const path = fields.string(ID.filePath)
  if ((fields.value(ID.content) ?? CONTENT_DATA) !== CONTENT_DATA)
    throw unsupported(what, `${path} is a delete file`)
  const format = fields.string(ID.fileFormat)
  if (format.toUpperCase() !== FILE_FORMAT) throw unsupported(what, `${path} has format ${format}`)
  const values = new AvroFields(fields.record(ID.partition), what)
  const counts = ([id, key, value]: readonly [number, number, number]) =>
    fields.intMap(id, { key, value }, entry => entry.long(value))
  const bounds = ([id, key, value]: readonly [number, number, number]) =>
    fields.intMap(id, { key, value }, entry => entry.optionalBytes(value) ?? new Uint8Array())
  return {
    path,
    specId: spec.specId,
    partition: partition.map(field => partitionValue(field, values.value(field.fieldId), what)),
    recordCount: fields.long(ID.recordCount),
    fileSizeBytes: fields.long(ID.fileSizeInBytes),
    metrics: {
      columnSizes: counts(MAPS.columnSizes),
      valueCounts: counts(MAPS.valueCounts),
      nullValueCounts: counts(MAPS.nullValueCounts),
      nanValueCounts: counts(MAPS.nanValueCounts),
      lowerBounds: bounds(MAPS.lowerBounds),
      upperBounds: bounds(MAPS.upperBounds),
    },
    splitOffsets: fields.list(ID.splitOffsets).map(offset => {
      if (typeof offset === 'bigint') return offset
      throw malformed(what, 'a split offset that is not a long')
    }),
  }
}

function partitionValue(field: BoundPartitionField, value: AvroValue, what: string): PartitionValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  const longType = ['long', 'time', 'timestamp', 'timestamptz'].includes(field.type.kind)
  if (typeof value === 'number') return longType ? BigInt(value) : value
  if (typeof value === 'bigint') return longType ? value : Number(value)
  if (!(value instanceof Uint8Array))
    throw malformed(what, `a nested value for partition field "${field.name}"`)
  return field.type.kind === 'fixed' || field.type.kind === 'binary'
    ? value
    : deserializeSingleValue(field.type, value)
}
