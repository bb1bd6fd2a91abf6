/**
 * How requests to a bucket are tried: a bounded number at once, each with a bounded number of tries.
 *
 * Tried again is what another try can mend: answers 5xx and "slow down", broken connections, timeouts, bytes garbled on the way, a
 * clock that the SDK has corrected from the server's answer, and expired credentials, which are fetched anew first. A refusal (4xx)
 * is final. Waits double with each try and are fully random below that, so that many workers do not come back together. The tries of
 * all requests of a store draw from one budget that successes refill: a server that is down is not hammered by each request anew.
 */
import { AppError } from '../runtime/errors.ts'
import type { S3Connection } from './s3-connection.ts'
import { classifyS3Error, isExpired } from './s3-errors.ts'

/** Tries per request; with the waits between them about ten seconds, after which the caller's own retry takes over. */
export const MAX_REQUEST_ATTEMPTS = 6
const RETRY_BASE_MS = 200
const RETRY_MAX_MS = 20_000
/** Retries that may be made while nothing succeeds. */
const RETRY_BUDGET = 64
/** What a success gives back: a third of all requests may fail for ever. */
const RETRIES_PER_SUCCESS = 0.5

export interface RetryBudget {
  /** False when it is used up. */
  take(): boolean
  /** After a success. */
  refill(): void
  readonly hasSucceeded: boolean
}

export function createRetryBudget(): RetryBudget {
  let left = RETRY_BUDGET
  let hasSucceeded = false
  return {
    get hasSucceeded() {
      return hasSucceeded
    },
    take() {
      if (left < 1) return false
      left--
      return true
    },
    refill() {
      hasSucceeded = true
      left = Math.min(RETRY_BUDGET, left + RETRIES_PER_SUCCESS)
    },
  }
}

export interface Operation {
  /** Completes "Could not …", for example `read the object`. */
  readonly action: string
  /** The full key or prefix in the bucket. */
  readonly key: string
}

/** `run` is called with 1, 2, …; whatever fails for good becomes a classified AppError. An AppError that it throws is passed on. */
export async function request<T>(
  store: S3Connection,
  operation: Operation,
  run: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await store.slots.run(() => run(attempt))
      store.budget.refill()
      return result
    } catch (error) {
      if (error instanceof AppError) throw error
      const failure = classifyS3Error(error, contextOf(store, operation, attempt))
      const isFinal = failure.next !== 'retry' || failure.code === 'object-changed'
      if (isFinal || attempt >= store.maxAttempts || !store.budget.take()) throw failure
      if (isExpired(error)) await refreshCredentials(store)
    }
    await store.runtime.sleep(store.runtime.random() * Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** attempt))
  }
}

export function contextOf(store: S3Connection, { action, key }: Operation, attempts = 1) {
  const { url: storeUrl, bucket, endpoint, region } = store
  const hadCredentials = store.budget.hasSucceeded
  return { storeUrl, bucket, key, action, endpoint, region, attempts, hadCredentials }
}

/** The chain keeps what it found until shortly before its stated end; a server may refuse it earlier. */
async function refreshCredentials(store: S3Connection): Promise<void> {
  // A failure here is met again, and classified, by the request that follows.
  await store.client.config.credentials({ forceRefresh: true }).catch(() => {})
}
