/**
 * How often each client may come: a leaky bucket per client (the generic cell rate algorithm), so that one number is all that is kept of it.
 *
 * A bucket holds the requests of a minute and drains evenly: a client may send them all at once, and then one whenever there is room
 * again. Fixed windows were rejected, since they let in twice as much around their border. A client of whom nothing is kept has an empty
 * bucket, so forgetting one errs on its side. What is kept has a maximum: whoever came longest ago is forgotten first.
 */
import { isIPv6 } from 'node:net'

const MINUTE_MS = 60_000
/** About 2 MB of them. */
const MAX_CLIENTS = 10_000

export interface RateLimiter {
  /** How long until the client may come; 0 for now. Counts nothing. */
  waitMs(client: string): number
  /** Counts a request of the client, which `waitMs` let in. */
  count(client: string): void
}

export interface RateLimit {
  readonly perMinute: number
  readonly maxClients?: number
  /** A monotonic clock. */
  readonly nowMs: () => number
}

export function createRateLimiter({ perMinute, maxClients = MAX_CLIENTS, nowMs }: RateLimit): RateLimiter {
  const costMs = MINUTE_MS / perMinute
  /** When the bucket of each client will be empty; who came last stands last. */
  const emptyAtMs = new Map<string, number>()
  const fillMs = (client: string, now: number) => Math.max(0, (emptyAtMs.get(client) ?? now) - now)
  return {
    // Whole milliseconds: sums of fractions would else refuse the last request of a full bucket.
    waitMs: client => Math.max(0, Math.floor(fillMs(client, nowMs()) + costMs - MINUTE_MS)),
    count(client) {
      const now = nowMs()
      const emptyAt = now + fillMs(client, now) + costMs
      emptyAtMs.delete(client)
      emptyAtMs.set(client, emptyAt)
      if (emptyAtMs.size <= maxClients) return
      const [oldest = client] = emptyAtMs.keys()
      emptyAtMs.delete(oldest)
    },
  }
}

/**
 * Who is counted as one client: an IPv4 address, or the /64 network of an IPv6 address, which is what one customer is given and may take any
 * number of addresses from.
 */
export function clientOf(remoteAddress: string | undefined): string {
  const address = (remoteAddress ?? '').replace(/%.*$/, '').toLowerCase()
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [left = '', right] = address.split('::')
  const before = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? [] : right.split(':')
  // An IPv4 address at the end stands for two groups.
  const known = before.length + after.length + (address.includes('.') ? 1 : 0)
  const groups = right === undefined ? before : [...before, ...Array(8 - known).fill('0'), ...after]
  const network = groups.slice(0, 4).map(group => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}
