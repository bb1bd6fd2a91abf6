import { describe, expect, it } from 'vitest'
import { judgeStalls, MAX_EVENTS_PER_LOOK } from '../../../services/monitor/judge-stalls.ts'
import type { StallCandidate } from '../../../shared/metadata/stalls.ts'

const NOW_MS = 1_000_000
const TABLE = { tableId: 't', commitIntervalMs: 60_000 }
const SINCE_MS = NOW_MS - 120_000

function behind(change: Partial<StallCandidate> = {}): StallCandidate {
  return {
    tableId: 't',
    topic: 'orders',
    partition: 3,
    table: 'shop.orders',
    tableState: 'active',
    state: 'active',
    committedOffset: 10n,
    sourceEndOffset: 25n,
    behindSinceMs: SINCE_MS,
    ...change,
  }
}

function judge(candidates: readonly StallCandidate[], watchedSinceMs = 0) {
  return judgeStalls({ atMs: NOW_MS, candidates }, [TABLE], watchedSinceMs)
}

describe('a stall begins', () => {
  it('when the watermark has not moved for two commit intervals, with an event that says what stands there', () => {
    const task = {
      taskId: 'task-1',
      state: 'queued',
      attempts: 4,
      lastErrorMessage: 'the bucket is gone',
    } as const
    const [change, ...others] = judge([behind({ task })])
    expect(others).toEqual([])
    expect(change).toMatchObject({ kind: 'begin', topic: 'orders', partition: 3, sinceMs: SINCE_MS })
    expect(change?.event).toEqual({
      type: 'partition.stalled',
      tableId: 't',
      topic: 'orders',
      partition: 3,
      message:
        'orders-3 of shop.orders: the source holds offsets up to 24, and the watermark has stood at 10 since 1970-01-01T00:14:40.000Z. Task task-1 holds these offsets and is queued after 4 failed attempts: the bucket is gone',
      details: { sinceMs: SINCE_MS, committedOffset: 10n, sourceEndOffset: 25n, otherPartitions: 0 },
    })
  })

  it('not a millisecond earlier, and not by time in which nobody looked', () => {
    expect(judge([behind({ behindSinceMs: SINCE_MS + 1 })])).toEqual([])
    expect(judge([behind({ behindSinceMs: 5 })], SINCE_MS + 1)).toEqual([])
    expect(judge([behind({ behindSinceMs: 5 })], SINCE_MS)).toHaveLength(1)
  })

  it('not before ten seconds, however short the commit interval', () => {
    const short = [{ tableId: 't', commitIntervalMs: 100 }]
    const judgeAt = (ms: number) =>
      judgeStalls({ atMs: NOW_MS, candidates: [behind({ behindSinceMs: NOW_MS - ms })] }, short, 0)
    expect(judgeAt(9_999)).toEqual([])
    expect(judgeAt(10_000)).toHaveLength(1)
  })

  it.each([
    ['the partition is paused', { state: 'paused' }],
    ['the partition stopped', { state: 'stopped' }],
    ['the table is paused', { tableState: 'paused' }],
    ['the table stopped', { tableState: 'stopped' }],
    ['it is reported already', { stalledSinceMs: SINCE_MS }],
    ['the table is not declared', { tableId: 'other' }],
  ] as const)('not while %s', (_, change) => {
    expect(judge([behind(change)])).toEqual([])
  })

  it('for many partitions at once with one event that counts them', () => {
    const many = Array.from({ length: MAX_EVENTS_PER_LOOK + 1 }, (_, partition) => behind({ partition }))
    const changes = judge(many)
    expect(changes).toHaveLength(MAX_EVENTS_PER_LOOK + 1)
    expect(changes.filter(({ event }) => event !== undefined)).toHaveLength(1)
    expect(changes[0]?.event?.message).toMatch(/^orders-0 and 10 more partitions of shop\.orders: /)
    expect(judge(many.slice(1)).filter(({ event }) => event !== undefined)).toHaveLength(MAX_EVENTS_PER_LOOK)
  })
})

describe('a stall is over', () => {
  it.each([
    ['the watermark moved', { behindSinceMs: NOW_MS - 1 }],
    ['it is caught up', { behindSinceMs: undefined }],
  ])('when %s', (_, { behindSinceMs }) => {
    const { behindSinceMs: _before, ...caughtUp } = behind({ stalledSinceMs: SINCE_MS })
    const [change] = judge([{ ...caughtUp, ...(behindSinceMs !== undefined && { behindSinceMs }) }])
    expect(change).toMatchObject({
      kind: 'end',
      sinceMs: SINCE_MS,
      event: { type: 'partition.moving', partition: 3, details: { sinceMs: SINCE_MS } },
    })
  })

  it.each([{ state: 'paused' }, { tableState: 'paused' }] as const)(
    'without an event when a person pauses: %j',
    change => {
      expect(judge([behind({ ...change, stalledSinceMs: SINCE_MS })])).toEqual([
        { kind: 'end', tableId: 't', topic: 'orders', partition: 3, sinceMs: SINCE_MS },
      ])
    },
  )

  it('not when it stops: that is a stall still', () => {
    expect(judge([behind({ state: 'stopped', stalledSinceMs: SINCE_MS })])).toEqual([])
  })
})
