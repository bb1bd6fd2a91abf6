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

/** The base offset that a key or path claims; `undefined` when its last part is no segment's name. */
export function baseOffsetOfKey(key: string): bigint | undefined {
  const digits = SEGMENT_NAME.exec(key)?.[1]
  return digits === undefined ? undefined : BigInt(digits)
}
