/** Bytes from text: base64, hexadecimal and UUIDs. Undefined means that the text is not in the form. */

const BASE64 = /^[A-Za-z0-9+/]*(={0,2})$/
const HEX = /^(?:[0-9A-Fa-f]{2})*$/
const UUID = /^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$/

/** The standard alphabet of RFC 4648, section 4; padding may be left out, but not half of it. */
export function parseBase64(text: string): Uint8Array | undefined {
  const padding = BASE64.exec(text)?.[1]
  if (padding === undefined) return undefined
  const isWhole = padding === '' ? text.length % 4 !== 1 : text.length % 4 === 0
  return isWhole ? new Uint8Array(Buffer.from(text, 'base64')) : undefined
}

export function parseHex(text: string): Uint8Array | undefined {
  return HEX.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined
}

/** 8-4-4-4-12 hexadecimal digits in either case, to 16 bytes. */
export function parseUuid(text: string): Uint8Array | undefined {
  return UUID.test(text) ? new Uint8Array(Buffer.from(text.replaceAll('-', ''), 'hex')) : undefined
}
