/**
 * Runs work under a lease of the metadata database, renewed while it runs and released when it ends, so that a killed process holds
 * others up for no longer than the lease's time. A lease saves work; it does not guard correctness: that is in the transactions.
 */
import type { Runtime } from '../runtime/runtime.ts'
import type { MetadataStore } from './metadata-store.ts'

/** Short, since a killed process cannot release it; long enough for two missed renewals. */
const LEASE_MS = 10_000
const RENEWALS_PER_LEASE = 3

export interface LeaseContext {
  readonly metadata: Pick<MetadataStore, 'acquireLease' | 'releaseLease'>
  readonly runtime: Pick<Runtime, 'sleep'>
  /** Names this process. */
  readonly holder: string
}

/** `undefined` when another process holds the lease. */
export async function withLease<T>(
  { metadata, runtime, holder }: LeaseContext,
  name: string,
  body: () => Promise<T>,
): Promise<T | undefined> {
  if ((await metadata.acquireLease(name, holder, LEASE_MS)) === undefined) return undefined
  const done = new AbortController()
  const renewing = (async () => {
    for (;;) {
      await runtime.sleep(LEASE_MS / RENEWALS_PER_LEASE, done.signal)
      if (done.signal.aborted) return
      // A renewal that fails leaves the lease to run out; the work goes on, and its transactions decide.
      await metadata.acquireLease(name, holder, LEASE_MS).catch(() => undefined)
    }
  })()
  try {
    return await body()
  } finally {
    done.abort()
    await renewing
    await metadata.releaseLease(name, holder)
  }
}
