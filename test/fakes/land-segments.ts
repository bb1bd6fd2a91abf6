/** Lands segments as brokers do: `.kfs` and `.index`, under the names that brokers give. */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { BatchToWrite } from '../../shared/segment/record-batch-writer.ts'
import type { RecordToWrite } from '../../shared/segment/record-encoder.ts'
import { indexObjectKey, segmentObjectKey } from '../../shared/segment/segment-key.ts'
import { encodeSegment } from '../../shared/segment/segment-writer.ts'
import { TOPIC } from './pipeline-fixture.ts'
import { utf8 } from './segment-rows.ts'

export interface LandOptions {
  readonly topic?: string
  readonly partition?: number
  readonly base?: number
  /** Without it, as after a broker's crash between the two. */
  readonly index?: boolean
}

export const FIRST_TIMESTAMP_MS = 1_699_999_000_000

/** Values as JSON text; `null` is a tombstone; anything that is no string is made JSON. */
export function recordsOf(values: readonly unknown[]): RecordToWrite[] {
  return values.map((value, i) => ({
    timestampMs: FIRST_TIMESTAMP_MS + i,
    key: null,
    value: value === null ? null : utf8(typeof value === 'string' ? value : JSON.stringify(value)),
  }))
}

/** `{"id": from}`, `{"id": from + 1}`, … */
export function ids(from: number, count: number): { readonly id: number }[] {
  return Array.from({ length: count }, (_, i) => ({ id: from + i }))
}

/** One segment of one batch; its key. */
export function land(
  store: ObjectStore,
  values: readonly unknown[],
  options: LandOptions = {},
): Promise<string> {
  return landBatches(store, [{ codec: 'none', records: recordsOf(values) }], options)
}

export async function landBatches(
  store: ObjectStore,
  batches: readonly BatchToWrite[],
  { topic = TOPIC, partition = 0, base = 0, index = true }: LandOptions = {},
): Promise<string> {
  const place = { topic, partition, baseOffset: BigInt(base) }
  const written = encodeSegment({ baseOffset: place.baseOffset, createdAtMs: FIRST_TIMESTAMP_MS, batches })
  await store.put(segmentObjectKey(place), written.segment)
  if (index) await store.put(indexObjectKey(place), written.index)
  return segmentObjectKey(place)
}

/** Retention, or somebody's hand. */
export async function removeSegment(
  store: ObjectStore,
  base: number,
  { topic = TOPIC, partition = 0 }: LandOptions = {},
): Promise<void> {
  const place = { topic, partition, baseOffset: BigInt(base) }
  await store.delete(segmentObjectKey(place))
  await store.delete(indexObjectKey(place))
}

/** Flips the byte at `position` (from the end when negative); puts it back when called again. */
export async function flipByte(store: ObjectStore, key: string, position: number): Promise<void> {
  const bytes = (await store.get(key)).slice()
  const at = position < 0 ? bytes.length + position : position
  bytes[at] = (bytes[at] ?? 0) ^ 0xff
  await store.put(key, bytes)
}
