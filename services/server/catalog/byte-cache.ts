/**
 * Bytes that never change under their key, the least recently used ones given up first. Whoever asks for what is being made waits for
 * that, so that many first requests cost one; a failure is not kept.
 */
export interface ByteCache {
  get(key: string, make: () => Promise<Buffer>): Promise<Buffer>
}

/** Holds at most `maxBytes`, besides what is being made and what answers still hold. */
export function createByteCache(maxBytes: number): ByteCache {
  const kept = new Map<string, Buffer>()
  const underWay = new Map<string, Promise<Buffer>>()
  let keptBytes = 0

  function drop(key: string): void {
    keptBytes -= kept.get(key)?.byteLength ?? 0
    kept.delete(key)
  }

  function keep(key: string, bytes: Buffer): void {
    drop(key)
    if (bytes.byteLength > maxBytes) return
    kept.set(key, bytes)
    keptBytes += bytes.byteLength
    for (const oldest of kept.keys()) {
      if (keptBytes <= maxBytes) break
      drop(oldest)
    }
  }

  return {
    async get(key, make) {
      const known = kept.get(key)
      if (known !== undefined) {
        // A Map keeps the order of insertion: what was used last stands last.
        kept.delete(key)
        kept.set(key, known)
        return known
      }
      const making = underWay.get(key) ?? makeOnce(key, make)
      return await making
    },
  }

  function makeOnce(key: string, make: () => Promise<Buffer>): Promise<Buffer> {
    const making = make()
      .then(bytes => {
        keep(key, bytes)
        return bytes
      })
      .finally(() => underWay.delete(key))
    underWay.set(key, making)
    return making
  }
}
