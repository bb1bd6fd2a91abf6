/**
 * Avro object container files (Avro 1.11, "Object Container Files"): header with the schema kept verbatim, blocks of encoded
 * records, deflate level 1 (as small as level 6 for manifests and almost twice as fast).
 *
 * The sync marker is a hash of the file's own path, so that the same state gives the same bytes. One caveat: deflate output may differ
 * between builds of zlib, so a retry on another machine can find other bytes under its key; the publisher treats that as any other
 * foreign content and takes a new snapshot id.
 */
import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { AvroCursor, type AvroRecordValue, AvroWriter, readAvroRecord } from './avro-binary.ts'
import { type AvroRecord, parseAvroSchema } from './avro-schema.ts'
import { parseExactJson } from './exact-json.ts'
import { malformed, unsupported } from './iceberg-error.ts'

const MAGIC = Uint8Array.of(0x4f, 0x62, 0x6a, 0x01)
const SYNC_BYTES = 16
const DEFLATE_LEVEL = 1
/** Records are gathered into blocks of about this many bytes before compression. */
const BLOCK_BYTES = 256 * 1024
/** Header entries of a file that is read; Iceberg writes fewer than ten. */
const MAX_HEADER_ENTRIES = 1000
/** One block that is read, decompressed: above what any Iceberg writer makes, below what would exhaust memory. */
const MAX_BLOCK_BYTES = 256 * 1024 * 1024

export interface AvroFile {
  /** Location of the file; names it in errors, and its hash is the sync marker. */
  readonly path: string
  readonly schema: AvroRecord
  /** Header entries beside `avro.schema` and `avro.codec`, in the order to write. */
  readonly metadata: Readonly<Record<string, string>>
}

/** `writeRecord` is called once for each of `records` and writes exactly one record of the file's schema. */
export function writeAvroFile<T>(
  file: AvroFile,
  records: Iterable<T>,
  writeRecord: (record: T, writer: AvroWriter) => void,
): Uint8Array {
  const sync = createHash('sha256').update(file.path).digest().subarray(0, SYNC_BYTES)
  const chunks: Uint8Array[] = [header(file, sync)]
  let block = new AvroWriter()
  let count = 0
  const flush = () => {
    if (count === 0) return
    const compressed = deflateRawSync(block.toBytes(), { level: DEFLATE_LEVEL })
    const prefix = new AvroWriter()
    prefix.writeLong(count)
    prefix.writeLong(compressed.length)
    chunks.push(prefix.toBytes(), compressed, sync)
    block = new AvroWriter()
    count = 0
  }
  for (const record of records) {
    writeRecord(record, block)
    count++
    if (block.lengthBytes >= BLOCK_BYTES) flush()
  }
  flush()
  return new Uint8Array(Buffer.concat(chunks))
}

function header(file: AvroFile, sync: Uint8Array): Uint8Array {
  const writer = new AvroWriter()
  writer.writeRaw(MAGIC)
  const entries = Object.entries({
    'avro.schema': JSON.stringify(file.schema),
    'avro.codec': 'deflate',
    ...file.metadata,
  })
  writer.writeArray(entries, ([key, value]) => {
    writer.writeString(key)
    writer.writeString(value)
  })
  writer.writeRaw(sync)
  return writer.toBytes()
}

export interface AvroContent {
  readonly metadata: ReadonlyMap<string, string>
  readonly records: readonly AvroRecordValue[]
}

/** Reads a whole file, of any writer, with the codecs `null` and `deflate`. Throws `iceberg-malformed` or `iceberg-unsupported`. */
export function readAvroFile(bytes: Uint8Array, path: string): AvroContent {
  const cursor = new AvroCursor(bytes, path)
  if (bytes.length < MAGIC.length || !equalBytes(cursor.readRaw(MAGIC.length), MAGIC))
    throw malformed(path, 'expected an Avro container file ("Obj" 1), found other bytes')
  const metadata = readHeader(cursor, path)
  const sync = cursor.readRaw(SYNC_BYTES)
  const schemaText = metadata.get('avro.schema')
  if (schemaText === undefined) throw malformed(path, 'an Avro header without "avro.schema"')
  const schema = parseAvroSchema(parseExactJson(schemaText, path), path)
  if (typeof schema === 'string' || 'length' in schema || schema.type !== 'record')
    throw malformed(path, 'an Avro schema that is not a record')
  const decompress = decompressor(metadata.get('avro.codec') ?? 'null', path)
  const records: AvroRecordValue[] = []
  while (cursor.remaining > 0) {
    const start = cursor.position
    const count = cursor.readLong()
    const block = decompress(cursor.readBytes())
    if (!equalBytes(cursor.readRaw(SYNC_BYTES), sync))
      throw cursor.error(start, 'a block that does not end with the sync marker')
    readBlock({ schema, block, count, path }, records)
  }
  return { metadata, records }
}

function readHeader(cursor: AvroCursor, path: string): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>()
  for (;;) {
    const signed = cursor.readLong()
    if (signed === 0n) return metadata
    if (signed < 0n) cursor.readLong()
    const count = signed < 0n ? -signed : signed
    if (count > BigInt(MAX_HEADER_ENTRIES - metadata.size))
      throw malformed(path, `an Avro header with ${count} entries`)
    for (let index = 0n; index < count; index++) metadata.set(cursor.readString(), cursor.readString())
  }
}

function readBlock(
  source: { schema: AvroRecord; block: Uint8Array; count: bigint; path: string },
  records: AvroRecordValue[],
): void {
  const cursor = new AvroCursor(source.block, source.path)
  if (source.count < 0n || source.count > BigInt(source.block.length))
    throw malformed(
      source.path,
      `a block of ${source.block.length} bytes that claims ${source.count} records`,
    )
  for (let index = 0n; index < source.count; index++) records.push(readAvroRecord(source.schema, cursor))
  if (cursor.remaining > 0)
    throw malformed(source.path, `${cursor.remaining} bytes after the last record of a block`)
}

function decompressor(codec: string, path: string): (bytes: Uint8Array) => Uint8Array {
  if (codec === 'null') return bytes => bytes
  if (codec !== 'deflate') throw unsupported(path, `Avro codec "${codec}", where null and deflate are read`)
  return bytes => {
    try {
      return inflateRawSync(bytes, { maxOutputLength: MAX_BLOCK_BYTES })
    } catch (cause) {
      throw malformed(path, `a block that does not decompress (${String(cause)})`, cause)
    }
  }
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}
