import { describe, expect, test } from 'vitest'
import { withLease } from '../../../shared/metadata/with-lease.ts'

/** Leases held, and how often each was asked for. */
function leases() {
  const held = new Map<string, string>()
  const asked: string[] = []
  const metadata = {
    async acquireLease(name: string, holder: string) {
      asked.push(holder)
      if (held.has(name) && held.get(name) !== holder) return undefined
      held.set(name, holder)
      return { fencingToken: 1n }
    },
    async releaseLease(name: string, holder: string) {
      if (held.get(name) === holder) held.delete(name)
    },
  }
  return { held, asked, metadata }
}

/** Sleeps that end when told, or when aborted. */
function manualSleep() {
  const wakers: (() => void)[] = []
  const sleep = (_ms: number, signal?: AbortSignal) =>
    new Promise<void>(resolve => {
      wakers.push(resolve)
      signal?.addEventListener('abort', () => resolve(), { once: true })
    })
  return { wakers, sleep }
}

describe('withLease', () => {
  test('gives the result and releases the lease', async () => {
    const { held, metadata } = leases()
    const runtime = manualSleep()
    expect(await withLease({ metadata, runtime, holder: 'a' }, 'plan', async () => held.get('plan'))).toBe(
      'a',
    )
    expect(held.size).toBe(0)
  })

  test('does nothing while another holds it', async () => {
    const { held, metadata } = leases()
    held.set('plan', 'b')
    const body = () => Promise.reject(new Error('not to be called'))
    expect(await withLease({ metadata, runtime: manualSleep(), holder: 'a' }, 'plan', body)).toBeUndefined()
    expect(held.get('plan')).toBe('b')
  })

  test('renews the lease while the work goes on', async () => {
    const { asked, metadata } = leases()
    const runtime = manualSleep()
    await withLease({ metadata, runtime, holder: 'a' }, 'plan', async () => {
      runtime.wakers.shift()?.()
      await new Promise(resolve => setImmediate(resolve))
    })
    expect(asked).toEqual(['a', 'a'])
  })

  test('releases it when the work fails', async () => {
    const { held, metadata } = leases()
    const work = withLease({ metadata, runtime: manualSleep(), holder: 'a' }, 'plan', () =>
      Promise.reject(new Error('failed')),
    )
    await expect(work).rejects.toThrow('failed')
    expect(held.size).toBe(0)
  })
})
