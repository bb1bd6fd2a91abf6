/** The offsets of user records that a segment holds, read from the segment itself. */
import type { OffsetRange, SegmentRef } from '../../shared/flow.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { readBatches } from '../../shared/segment/segment-reader.ts'
import { createOffsetSet, type OffsetSet } from './offset-set.ts'

/** `undefined` when the segment is gone or is no longer the one that was converted. */
export async function readSegmentOffsets(
  source: ObjectStore,
  segment: SegmentRef,
  { startOffset, endOffset }: OffsetRange,
): Promise<OffsetSet | undefined> {
  const bytes = await source.get(segment.key, { ifMatch: segment.etag }).catch((error: unknown) => {
    if (error instanceof AppError && (error.code === 'object-not-found' || error.code === 'object-changed'))
      return undefined
    throw error
  })
  if (bytes === undefined) return undefined
  const offsets = createOffsetSet()
  for (const batch of readBatches(bytes, { key: segment.key, startOffset, endOffset })) {
    if (batch.kind === 'control') continue
    for (let i = batch.firstRecord; i < batch.endRecord; i++)
      offsets.add(batch.records.baseOffset + BigInt(batch.records.offsetDeltas[i] ?? 0))
  }
  return offsets
}
