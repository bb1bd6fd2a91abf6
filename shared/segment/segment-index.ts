/**
 * The sparse `.index` beside each segment (docs/kfs.md). Tidewater converts whole segments and needs no positions from it:
 * its presence is what makes a segment count. It is parsed by inspection, and written for segments that Tidewater lands.
 */
import { malformed } from './malformed.ts'
import { viewOf } from './padded-bytes.ts'
import { type ObjectName, SEGMENT_HEADER_BYTES } from './segment-file.ts'

export const INDEX_HEADER_BYTES = 16
export const INDEX_ENTRY_BYTES = 12
export const INDEX_VERSION = 1
/** `IDX\0` */
export const INDEX_MAGIC = 0x49445800
/** Messages between entries, as brokers set it. */
export const DEFAULT_INDEX_INTERVAL = 100

export interface IndexEntry {
  readonly offset: bigint
  /** Where that offset's batch begins in the segment file. */
  readonly position: number
}

export interface SegmentIndex {
  readonly intervalMessages: number
  readonly entries: readonly IndexEntry[]
}

/** Errors: `index-malformed`, also for entries whose offsets or positions do not grow. Bytes after the last entry are ignored, as brokers do. */
export function parseIndex(bytes: Uint8Array, { key }: ObjectName): SegmentIndex {
  const refuse = (byteOffset: number, expected: string, found: string) =>
    malformed({ code: 'index-malformed', key, byteOffset, reading: 'the index', expected, found })
  if (bytes.byteLength < INDEX_HEADER_BYTES) {
    throw refuse(bytes.byteLength, `a header of ${INDEX_HEADER_BYTES} bytes`, `${bytes.byteLength}`)
  }
  const view = viewOf(bytes)
  const magic = view.getUint32(0)
  if (magic !== INDEX_MAGIC) throw refuse(0, 'magic IDX\\0', `0x${magic.toString(16)}`)
  const version = view.getUint16(4)
  if (version !== INDEX_VERSION) throw refuse(4, `version ${INDEX_VERSION}`, `${version}`)
  const count = view.getInt32(6)
  const room = Math.floor((bytes.byteLength - INDEX_HEADER_BYTES) / INDEX_ENTRY_BYTES)
  if (count < 0 || count > room)
    throw refuse(6, `an entry count between 0 and the ${room} that fit`, `${count}`)

  const entries: IndexEntry[] = []
  let previous: IndexEntry = { offset: -1n, position: SEGMENT_HEADER_BYTES - 1 }
  for (let i = 0; i < count; i++) {
    const at = INDEX_HEADER_BYTES + i * INDEX_ENTRY_BYTES
    const entry = { offset: view.getBigInt64(at), position: view.getInt32(at + 8) }
    if (entry.offset <= previous.offset) {
      throw refuse(at, `entry ${i} to have an offset above ${previous.offset}`, `${entry.offset}`)
    }
    if (entry.position <= previous.position) {
      throw refuse(at + 8, `entry ${i} to have a position above ${previous.position}`, `${entry.position}`)
    }
    entries.push(entry)
    previous = entry
  }
  return { intervalMessages: view.getInt32(10), entries }
}

export interface IndexedBatch extends IndexEntry {
  readonly messageCount: number
}

/** Encodes the index as brokers do: the first batch, then each batch that begins at least `intervalMessages` after the last entry. */
export function encodeIndex(batches: readonly IndexedBatch[], intervalMessages: number): Uint8Array {
  const entries: IndexEntry[] = []
  let messagesSinceEntry = 0
  for (const batch of batches) {
    if (entries.length === 0 || messagesSinceEntry >= intervalMessages) {
      entries.push(batch)
      messagesSinceEntry = 0
    }
    messagesSinceEntry += batch.messageCount
  }
  const bytes = new Uint8Array(INDEX_HEADER_BYTES + entries.length * INDEX_ENTRY_BYTES)
  const view = viewOf(bytes)
  view.setUint32(0, INDEX_MAGIC)
  view.setUint16(4, INDEX_VERSION)
  view.setInt32(6, entries.length)
  view.setInt32(10, intervalMessages)
  entries.forEach((entry, i) => {
    const at = INDEX_HEADER_BYTES + i * INDEX_ENTRY_BYTES
    view.setBigInt64(at, entry.offset)
    view.setInt32(at + 8, entry.position)
  })
  return bytes
}
