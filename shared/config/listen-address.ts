/** Addresses that a server listens at, as tidewater.yaml writes them: `127.0.0.1:8181`, `[::1]:8181`, `none`. */
import { isIPv4, isIPv6 } from 'node:net'
import type { Parsed } from './scalars.ts'

export interface ListenAddress {
  /** A name or an address, without the brackets of IPv6. */
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
}

const EXPECTED = 'host:port such as 127.0.0.1:8181 or [::1]:8181, or none'
const MAX_PORT = 65_535

export function parseListen(value: unknown): Parsed<ListenAddress | 'none'> {
  if (value === 'none') return { ok: true, value }
  const bare = /^:?(\d{1,5})$/.exec(typeof value === 'number' ? String(value) : textOf(value))?.[1]
  if (bare !== undefined) {
    const suggestion = `Write the address too: 127.0.0.1:${bare} for this machine alone, 0.0.0.0:${bare} for every network.`
    return { ok: false, expected: EXPECTED, suggestion }
  }
  const match = /^(?:\[([^\]]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(textOf(value))
  const [, ipv6, host = ipv6, port] = match ?? []
  if (host === undefined || Number(port) > MAX_PORT || (ipv6 !== undefined && !isIPv6(ipv6)))
    return { ok: false, expected: EXPECTED }
  return { ok: true, value: { host, port: Number(port) } }
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  if (name === 'localhost' || name === '::1' || name === '0:0:0:0:0:0:0:1') return true
  return isIPv4(name) && name.startsWith('127.')
}

/** As it stands in a URL. */
export function addressText({ host, port }: ListenAddress): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
