/**
 * Which tables this process plans: processes that plan share the tables out among themselves, so that each table's source is listed by
 * one of them. Tables fall into a fixed number of shares, each with a lease that is held until its holder leaves or dies.
 *
 * A lease saves work and guards nothing: a plan that does not begin at the planned offset is refused.
 */
import type { Parts } from '../parts.ts'

const GROUP = 'plan'
/** More than processes that plan: a process holds whole shares. */
const SHARES = 64
const NAMES = Array.from({ length: SHARES }, (_, share) => share.toString().padStart(2, '0'))
/** Short, since a killed process cannot leave; long enough for two missed renewals. */
const LEASE_MS = 10_000
const RENEWALS_PER_LEASE = 3

export interface PlanShares {
  /** Tells whether the table is this process's to plan now. */
  held(): Promise<(tableId: string) => boolean>
  leave(): Promise<void>
}

export function createPlanShares({
  metadata,
  runtime,
  holder,
}: Pick<Parts, 'metadata' | 'runtime' | 'holder'>): PlanShares {
  let shares: ReadonlySet<string> = new Set()
  let nextMs = Number.NEGATIVE_INFINITY
  return {
    async held() {
      const nowMs = runtime.monotonicMs()
      if (nowMs >= nextMs) {
        shares = new Set(await metadata.shareLeases({ group: GROUP, names: NAMES, holder, ttlMs: LEASE_MS }))
        nextMs = nowMs + LEASE_MS / RENEWALS_PER_LEASE
      }
      return tableId => shares.has(shareOf(tableId))
    },
    leave: () => metadata.leaveLeases(GROUP, holder),
  }
}

/** By FNV-1a, the same in every process. */
export function shareOf(tableId: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < tableId.length; i++) hash = Math.imul(hash ^ tableId.charCodeAt(i), 0x01000193)
  return NAMES[(hash >>> 0) % SHARES] ?? ''
}
