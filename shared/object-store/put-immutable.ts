/** Objects that are written once: a retry sends the same bytes under the same key, and other content there is never overwritten. */
import { locationToKey } from './locations.ts'
import type { ObjectStore } from './object-store.ts'

/** `differs`: another content stands under this key; nothing was changed. */
export type PutImmutableOutcome = 'written' | 'same' | 'differs'

export async function putImmutable(
  store: ObjectStore,
  path: string,
  bytes: Uint8Array,
): Promise<PutImmutableOutcome> {
  const key = locationToKey(store, path)
  const outcome = await store.put(key, bytes, { ifNoneMatch: true })
  if (outcome.kind === 'written') return 'written'
  const standing = await store.get(key)
  return Buffer.compare(standing, bytes) === 0 ? 'same' : 'differs'
}
