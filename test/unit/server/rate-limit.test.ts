import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { clientOf, createRateLimiter } from '../../../services/server/rate-limit.ts'

const MINUTE_MS = 60_000

function limiterAt(perMinute: number, maxClients?: number) {
  let now = 1_000_000
  const limiter = createRateLimiter({ perMinute, nowMs: () => now, ...(maxClients && { maxClients }) })
  return {
    ...limiter,
    pass(ms: number) {
      now += ms
    },
    /** Whether it was let in. */
    come(client = 'a'): boolean {
      if (limiter.waitMs(client) > 0) return false
      limiter.count(client)
      return true
    },
  }
}

describe('a limit per minute', () => {
  it('lets in that many at once, then one whenever there is room, and says when', () => {
    const limiter = limiterAt(60)
    for (let i = 0; i < 60; i++) expect(limiter.come()).toBe(true)
    expect(limiter.waitMs('a')).toBe(1000)
    limiter.pass(999)
    expect([limiter.come(), limiter.waitMs('a')]).toEqual([false, 1])
    limiter.pass(1)
    expect([limiter.come(), limiter.come()]).toEqual([true, false])
    limiter.pass(MINUTE_MS)
    expect(Array.from({ length: 61 }, () => limiter.come()).filter(Boolean)).toHaveLength(60)
  })

  it('counts nothing that it refused, so that a stubborn client gets in again as soon as a patient one', () => {
    const limiter = limiterAt(1)
    expect(limiter.come()).toBe(true)
    for (let i = 0; i < 1000; i++) expect(limiter.come()).toBe(false)
    limiter.pass(MINUTE_MS)
    expect(limiter.come()).toBe(true)
  })

  it.each([1, 3, 7, 9, 60, 999, 12_000])('of %i lets in exactly that many at once', perMinute => {
    const limiter = limiterAt(perMinute)
    for (let i = 0; i < perMinute; i++) expect(limiter.come()).toBe(true)
    expect(limiter.come()).toBe(false)
  })

  it('is held over any stretch of time, however requests fall, for each client by itself', () => {
    const arrivals = fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 20_000 })), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), arrivals, (perMinute, comings) => {
        const limiter = limiterAt(perMinute)
        const letIn = { a: [] as number[], b: [] as number[] }
        let at = 0
        for (const [client, ms] of comings) {
          limiter.pass(ms)
          at += ms
          if (limiter.come(client)) letIn[client].push(at)
        }
        for (const times of Object.values(letIn)) {
          times.forEach((first, i) => {
            times.slice(i).forEach((last, others) => {
              // One millisecond is what rounding may give away.
              const allowed = perMinute * (1 + (last - first + 1) / MINUTE_MS)
              expect(others + 1).toBeLessThanOrEqual(allowed + 1e-6)
            })
          })
        }
      }),
    )
  })
})

test('of more clients than are kept, who came longest ago is forgotten', () => {
  const limiter = limiterAt(1, 2)
  expect([limiter.come('a'), limiter.come('b')]).toEqual([true, true])
  limiter.pass(59_999)
  expect([limiter.waitMs('a'), limiter.waitMs('b')]).toEqual([1, 1])
  expect(limiter.come('c')).toBe(true)
  expect([limiter.waitMs('a'), limiter.waitMs('b')]).toEqual([0, 1])
})

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:aaaa::1', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:bbbb:cccc:dddd:eeee', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
  ['64:ff9b:0:0:0:0:192.0.2.7', '64:ff9b:0:0::/64'],
  ['::192.0.2.7', '0:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  [undefined, ''],
])('%s is counted as %j', (address, client) => {
  expect(clientOf(address)).toBe(client)
})
