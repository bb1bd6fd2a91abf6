/** One shape for every refusal of a segment's bytes: which object, which byte, what was expected, what was found, what to do. */
import { AppError } from '../runtime/errors.ts'

/** Stable codes of malformed input; docs/kfs.md explains each. */
export type SegmentErrorCode =
  | 'segment-truncated'
  | 'segment-magic'
  | 'segment-version'
  | 'segment-crc-mismatch'
  | 'segment-inconsistent'
  | 'segment-too-large'
  | 'index-malformed'
  | 'batch-malformed'
  | 'batch-crc-mismatch'
  | 'batch-magic-unsupported'
  | 'codec-unsupported'
  | 'decompression-failed'
  | 'record-malformed'

export interface MalformedInput {
  readonly code: SegmentErrorCode
  /** The object as the user knows it: its key or path. */
  readonly key: string
  /** Position in the object. */
  readonly byteOffset: number
  /** Position in the decompressed records of the batch that begins at `byteOffset`, when the fault lies there. */
  readonly inflatedOffset?: number
  /** What was being read, for example `the segment's footer`. */
  readonly reading: string
  readonly expected: string
  readonly found: string
  readonly advice?: string
  readonly cause?: unknown
}

const DEFAULT_ADVICE =
  'The object is damaged or was not written by a KafScale broker: restore it and resume the partition, or pass over it with skip-to.'

export function malformed(input: MalformedInput): AppError {
  const inside =
    input.inflatedOffset === undefined ? '' : `, byte ${input.inflatedOffset} of its decompressed records`
  return new AppError({
    code: input.code,
    next: 'park',
    message:
      `Reading ${input.reading} at byte ${input.byteOffset} of ${input.key}${inside}: ` +
      `expected ${input.expected}, found ${input.found}. ${input.advice ?? DEFAULT_ADVICE}`,
    details: {
      key: input.key,
      byteOffset: input.byteOffset,
      ...(input.inflatedOffset === undefined ? {} : { inflatedOffset: input.inflatedOffset }),
      expected: input.expected,
      found: input.found,
    },
    ...(input.cause === undefined ? {} : { cause: input.cause }),
  })
}
