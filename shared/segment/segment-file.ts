/**
 * The envelope of a `.kfs` segment: header, body, footer (docs/kfs.md). `parseSegment` proves that the body is the one the
 * footer was written for (CRC-32C); what the header and footer say about offsets and counts lies outside that checksum and
 * is held against the batches by segment-reader.ts.
 */
import { crc32c } from '@node-rs/crc32'
import { malformed } from './malformed.ts'
import { viewOf } from './padded-bytes.ts'

export const SEGMENT_HEADER_BYTES = 32
export const SEGMENT_FOOTER_BYTES = 16
export const SEGMENT_VERSION = 1
/** Index positions are int32 and record slices are Int32Array, so nothing longer can be addressed. */
export const MAX_SEGMENT_BYTES = 2 ** 31 - 1 - 64
/** `KAFS` */
export const SEGMENT_MAGIC = 0x4b414653
/** `END!` */
export const FOOTER_MAGIC = 0x454e4421

export interface Segment {
  readonly key: string
  readonly baseOffset: bigint
  /** As the footer says; the next segment's base offset is at least this + 1. */
  readonly lastOffset: bigint
  readonly messageCount: number
  readonly createdAtMs: number
  /** Written as 0 by brokers whatever the batches' codec; carried for display, never acted on. */
  readonly flags: number
  readonly bodyCrc: number
  /** The record batches lie in `[bodyStart, bodyEnd)`. */
  readonly bodyStart: number
  readonly bodyEnd: number
}

export interface SegmentFooter {
  readonly bodyCrc: number
  readonly lastOffset: bigint
}

export interface ObjectName {
  /** Key or path, for messages. */
  readonly key: string
}

/** Parses and verifies the envelope. Errors: `segment-truncated`, `segment-magic`, `segment-version`, `segment-crc-mismatch`, `segment-too-large`. */
export function parseSegment(bytes: Uint8Array, { key }: ObjectName): Segment {
  const segment = parseEnvelope(bytes, { key })
  const found = crc32c(bytes.subarray(segment.bodyStart, segment.bodyEnd))
  if (found !== segment.bodyCrc) {
    throw malformed({
      code: 'segment-crc-mismatch',
      key,
      byteOffset: segment.bodyEnd,
      reading: "the segment's body checksum",
      expected: `CRC-32C ${hex(segment.bodyCrc)}, as the footer says`,
      found: `${hex(found)} over bytes ${segment.bodyStart} to ${segment.bodyEnd}`,
    })
  }
  return segment
}

/** Header and footer without the checksum of the body: what inspection shows of a damaged segment. */
export function parseEnvelope(bytes: Uint8Array, { key }: ObjectName): Segment {
  const sizeBytes = bytes.byteLength
  if (sizeBytes > MAX_SEGMENT_BYTES) {
    const expected = `at most ${MAX_SEGMENT_BYTES} bytes`
    throw malformed({
      code: 'segment-too-large',
      key,
      byteOffset: 0,
      reading: 'the segment',
      expected,
      found: `${sizeBytes}`,
    })
  }
  if (sizeBytes < SEGMENT_HEADER_BYTES + SEGMENT_FOOTER_BYTES) {
    throw malformed({
      code: 'segment-truncated',
      key,
      byteOffset: sizeBytes,
      reading: 'the segment',
      expected: `at least ${SEGMENT_HEADER_BYTES + SEGMENT_FOOTER_BYTES} bytes of header and footer`,
      found: `${sizeBytes}`,
    })
  }
  const view = viewOf(bytes)
  checkHeader(view, key)
  const bodyEnd = sizeBytes - SEGMENT_FOOTER_BYTES
  const footer = readFooter(view, bodyEnd, key)
  return {
    key,
    baseOffset: view.getBigInt64(8),
    lastOffset: footer.lastOffset,
    messageCount: view.getInt32(16),
    createdAtMs: Number(view.getBigInt64(20)),
    flags: view.getUint16(6),
    bodyCrc: footer.bodyCrc,
    bodyStart: SEGMENT_HEADER_BYTES,
    bodyEnd,
  }
}

/**
 * Parses the last 16 bytes of a segment, fetched alone. The last offset is as unproved as the bytes: whoever reads only
 * the footer checks it against the base offset in the key. Errors: `segment-truncated`.
 */
export function parseFooter(bytes: Uint8Array, { key }: ObjectName): SegmentFooter {
  if (bytes.byteLength !== SEGMENT_FOOTER_BYTES) {
    throw malformed({
      code: 'segment-truncated',
      key,
      byteOffset: 0,
      reading: "the segment's footer",
      expected: `its ${SEGMENT_FOOTER_BYTES} bytes`,
      found: `${bytes.byteLength}`,
    })
  }
  return readFooter(viewOf(bytes), 0, key)
}

function checkHeader(view: DataView, key: string): void {
  const magic = view.getUint32(0)
  if (magic !== SEGMENT_MAGIC) {
    throw malformed({
      code: 'segment-magic',
      key,
      byteOffset: 0,
      reading: "the segment's header",
      expected: `magic KAFS (${hex(SEGMENT_MAGIC)})`,
      found: hex(magic),
    })
  }
  const version = view.getUint16(4)
  if (version !== SEGMENT_VERSION) {
    throw malformed({
      code: 'segment-version',
      key,
      byteOffset: 4,
      reading: "the segment's header",
      expected: `version ${SEGMENT_VERSION}`,
      found: `${version}`,
      advice:
        'If the brokers were upgraded to a newer storage format, Tidewater must be upgraded before it can go on.',
    })
  }
}

function readFooter(view: DataView, position: number, key: string): SegmentFooter {
  const magic = view.getUint32(position + 12)
  if (magic !== FOOTER_MAGIC) {
    throw malformed({
      code: 'segment-truncated',
      key,
      byteOffset: position + 12,
      reading: "the segment's footer",
      expected: `magic END! (${hex(FOOTER_MAGIC)}) as the last four bytes`,
      found: hex(magic),
      advice: 'The end of the object is missing or damaged: upload it again, or pass over it with skip-to.',
    })
  }
  return { bodyCrc: view.getUint32(position), lastOffset: view.getBigInt64(position + 4) }
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`
}
