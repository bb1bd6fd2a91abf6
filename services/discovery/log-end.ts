/** Where a partition's segments end, for a person who is about to skip. */
import type { ObjectInfo, ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { parseFooter, SEGMENT_FOOTER_BYTES } from '../../shared/segment/segment-file.ts'
import { partitionFolder, segmentNameOf } from '../../shared/segment/segment-key.ts'

/**
 * The offset after the last one that the segments hold, indexed or not. `undefined` when the last segment cannot say, because it is
 * damaged: that may be the very reason to skip. 0 for an empty folder.
 */
export async function readLogEnd(
  store: ObjectStore,
  topic: string,
  partition: number,
): Promise<bigint | undefined> {
  let last: ObjectInfo | undefined
  for await (const object of store.list({ prefix: partitionFolder(topic, partition) })) {
    if (segmentNameOf(object.key)?.extension === 'kfs') last = object
  }
  if (last === undefined) return 0n
  try {
    const range = { start: Math.max(0, last.sizeBytes - SEGMENT_FOOTER_BYTES), end: last.sizeBytes }
    return parseFooter(await store.get(last.key, { range }), { key: last.key }).lastOffset + 1n
  } catch (error) {
    if (error instanceof AppError && error.next === 'park') return undefined
    throw error
  }
}
