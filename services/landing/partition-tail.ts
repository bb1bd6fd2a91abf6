/** Where a partition ends in the store: the offset that the next segment begins with. Read only. */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { parseFooter, SEGMENT_FOOTER_BYTES } from '../../shared/segment/segment-file.ts'
import { baseOffsetOfKey } from '../../shared/segment/segment-key.ts'

export interface PartitionTail {
  readonly nextOffset: bigint
  /** Segments without an index at or after it: left by a crash, never counted, and free to be overwritten (docs/kfs.md). */
  readonly orphanKeys: ReadonlySet<string>
}

/** After a crash of one upload each, a partition has a handful at most. */
const MAX_ORPHANS = 1000

/** Lists the partition's folder once. Errors: `land-tail-unreadable`, those of the store and of the footer. */
export async function readPartitionTail(store: ObjectStore, folder: string): Promise<PartitionTail> {
  let indexedBase: bigint | undefined
  let last: { readonly key: string; readonly sizeBytes: number; readonly baseOffset: bigint } | undefined
  let orphanKeys = new Set<string>()
  for await (const { key, sizeBytes } of store.list({ prefix: folder })) {
    const baseOffset = baseOffsetOfKey(key)
    if (baseOffset === undefined) continue
    // `.index` sorts before `.kfs` of the same base offset.
    if (key.endsWith('.index')) indexedBase = baseOffset
    else if (indexedBase === baseOffset) {
      last = { key, sizeBytes, baseOffset }
      orphanKeys = new Set()
    } else if (orphanKeys.size < MAX_ORPHANS) orphanKeys.add(key)
  }
  if (last === undefined) return { nextOffset: 0n, orphanKeys }
  const { key, sizeBytes, baseOffset } = last
  const range = { start: Math.max(0, sizeBytes - SEGMENT_FOOTER_BYTES), end: sizeBytes }
  const { lastOffset } = parseFooter(await store.get(key, { range }), { key })
  if (lastOffset < baseOffset) {
    throw new AppError({
      code: 'land-tail-unreadable',
      next: 'fatal',
      message: `Looking for the end of ${store.url}/${folder}: expected the footer of ${key} to name a last offset of at least ${baseOffset}, found ${lastOffset}. Look at the segment with \`tidewater segment inspect\`; new records cannot be placed after it.`,
      details: { key, baseOffset, lastOffset },
    })
  }
  return { nextOffset: lastOffset + 1n, orphanKeys }
}
