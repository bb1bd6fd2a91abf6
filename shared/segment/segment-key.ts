/** Names of segments as brokers give them: `<topic>/<partition>/segment-<base offset, 20 digits>.kfs`, and `.index` beside it. */

const SEGMENT_NAME = /(?:^|\/)segment-(\d{20})\.(kfs|index)$/
const PARTITION_NAME = /^(0|[1-9]\d{0,9})$/

export interface SegmentPlace {
  readonly topic: string
  readonly partition: number
  readonly baseOffset: bigint
}

/** The folder of one partition, with a trailing slash. */
export function partitionFolder(topic: string, partition: number): string {
  return `${topic}/${partition}/`
}

/** The partition that a folder's name stands for; `undefined` for other folders. */
export function partitionOfFolder(name: string): number | undefined {
  return PARTITION_NAME.test(name) ? Number(name) : undefined
}

/** What `.index` and `.kfs` of a segment have in common; it sorts before both, so a listing after it begins with them. */
export function segmentStem({ topic, partition, baseOffset }: SegmentPlace): string {
  return `${partitionFolder(topic, partition)}segment-${baseOffset.toString().padStart(20, '0')}`
}

export function segmentObjectKey(place: SegmentPlace): string {
  return `${segmentStem(place)}.kfs`
}

export function indexObjectKey(place: SegmentPlace): string {
  return `${segmentStem(place)}.index`
}

const SEGMENT_PATH = /(?:^|\/)([a-zA-Z0-9._-]{1,249})\/(0|[1-9]\d{0,9})\/segment-(\d{20})\.(?:kfs|index)$/

/** What a whole key or path says of its segment; `undefined` when it does not end as brokers lay keys out. */
export function placeOfKey(key: string): SegmentPlace | undefined {
  const [, topic, partition, digits] = SEGMENT_PATH.exec(key) ?? []
  if (topic === undefined || partition === undefined || digits === undefined) return undefined
  return { topic, partition: Number(partition), baseOffset: BigInt(digits) }
}

export interface SegmentName {
  readonly baseOffset: bigint
  readonly extension: 'kfs' | 'index'
}

/** What the last part of a key or path says; `undefined` when it is no segment's name. */
export function segmentNameOf(key: string): SegmentName | undefined {
  const [, digits, extension] = SEGMENT_NAME.exec(key) ?? []
  if (digits === undefined) return undefined
  return { baseOffset: BigInt(digits), extension: extension === 'index' ? 'index' : 'kfs' }
}

/** The base offset that a key or path claims; `undefined` when its last part is no segment's name. */
export function baseOffsetOfKey(key: string): bigint | undefined {
  return segmentNameOf(key)?.baseOffset
}
