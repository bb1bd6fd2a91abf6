/** How JSON shows bytes: as text under their own name where they are UTF-8, else as base64 under `<name>_base64`. Null stands as null. */

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function bytesField(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const text = utf8Text(bytes)
  return text === undefined ? { [`${name}_base64`]: Buffer.from(bytes).toString('base64') } : { [name]: text }
}

/** `undefined` where the bytes are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}
