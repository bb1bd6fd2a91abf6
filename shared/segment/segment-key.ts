/** Names of segments as brokers give them: `<topic>/<partition>/segment-<base offset, 20 digits>.kfs`, and `.index` beside it. */

const SEGMENT_NAME = /(?:^|\/)segment-(\d{20})\.(?:kfs|index)$/

export interface SegmentPlace {
  readonly topic: string
  readonly partition: number
  readonly baseOffset: bigint
}

function stem({ topic, partition, baseOffset }: SegmentPlace): string {
  return `${topic}/${partition}/segment-${baseOffset.toString().padStart(20, '0')}`
}

export function segmentObjectKey(place: SegmentPlace): string {
  return `${stem(place)}.kfs`
}

export function indexObjectKey(place: SegmentPlace): string {
  return `${stem(place)}.index`
}

const SEGMENT_PATH = /(?:^|\/)([a-zA-Z0-9._-]{1,249})\/(0|[1-9]\d{0,9})\/segment-(\d{20})\.(?:kfs|index)$/

/** What a whole key or path says of its segment; `undefined` when it does not end as brokers lay keys out. */
export function placeOfKey(key: string): SegmentPlace | undefined {
  const [, topic, partition, digits] = SEGMENT_PATH.exec(key) ?? []
  if (topic === undefined || partition === undefined || digits === undefined) return undefined
  return { topic, partition: Number(partition), baseOffset: BigInt(digits) }
}

/** The base offset that a key or path claims; `undefined` when its last part is no segment's name. */
export function baseOffsetOfKey(key: string): bigint | undefined {
  const digits = SEGMENT_NAME.exec(key)?.[1]
  return digits === undefined ? undefined : BigInt(digits)
}
