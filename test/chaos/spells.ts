/** Bad weather between Tidewater and S3, as faults of the proxy. */
import type { Fault } from '../servers/fault-proxy.ts'

export const SPELLS = ['refusing', 'slow', 'cutting', 'losing-answers', 'silent', 'away'] as const
export type Spell = (typeof SPELLS)[number]

export interface SpellFaults {
  /** Share of requests that a fault strikes. */
  readonly rate: number
  readonly faults: readonly [Fault, ...Fault[]]
}

const SLOW_DOWN = { status: 503, code: 'SlowDown' } as const
const BROKEN = { status: 500, code: 'InternalError' } as const

export const FAULTS: Readonly<Record<Spell, SpellFaults>> = {
  refusing: {
    rate: 0.5,
    faults: [
      { kind: 'answer', ...SLOW_DOWN },
      { kind: 'answer', ...BROKEN },
    ],
  },
  slow: {
    rate: 0.7,
    faults: [
      { kind: 'delay', ms: 200 },
      { kind: 'delay', ms: 2_000 },
      { kind: 'drip', bytesPerSecond: 16_384 },
    ],
  },
  cutting: { rate: 0.4, faults: [{ kind: 'cut-before' }, { kind: 'cut-body', share: 0.5 }] },
  // What was asked for has happened, and the client cannot know it.
  'losing-answers': { rate: 0.4, faults: [{ kind: 'cut-after' }, { kind: 'answer-after', ...BROKEN }] },
  silent: { rate: 0.2, faults: [{ kind: 'stall' }, { kind: 'stall-body', share: 0.5 }] },
  away: { rate: 1, faults: [{ kind: 'answer', ...SLOW_DOWN }] },
}
