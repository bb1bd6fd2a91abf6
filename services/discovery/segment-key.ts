/** Keys of segments as brokers name them (docs/kfs.md): `<topic>/<partition>/segment-<base offset, 20 digits>.kfs` and `.index`. */

const SEGMENT_NAME = /^segment-(\d{20})\.(kfs|index)$/
const PARTITION_NAME = /^(0|[1-9]\d{0,9})$/

export interface SegmentKey {
  readonly baseOffset: bigint
  readonly extension: 'kfs' | 'index'
}

/** The folder of one partition, with a trailing slash. */
export function partitionFolder(topic: string, partition: number): string {
  return `${topic}/${partition}/`
}

/** `undefined` for names that are no segment's; brokers keep nothing else in these folders, so discovery reports them once and goes on. */
export function parseSegmentName(name: string): SegmentKey | undefined {
  const match = SEGMENT_NAME.exec(name)
  if (match?.[1] === undefined) return undefined
  return { baseOffset: BigInt(match[1]), extension: match[2] === 'kfs' ? 'kfs' : 'index' }
}

/** `undefined` for folder names that are no partition number. */
export function parsePartitionFolder(name: string): number | undefined {
  return PARTITION_NAME.test(name) ? Number(name) : undefined
}

/**
 * The key to list after, so that the listing begins with the objects of `baseOffset` themselves:
 * the common stem of `.index` and `.kfs`, which sorts before both.
 */
export function segmentStem(topic: string, partition: number, baseOffset: bigint): string {
  return `${partitionFolder(topic, partition)}segment-${baseOffset.toString().padStart(20, '0')}`
}
