/**
 * The same small story again and again, with one fault at each call in turn: whatever a process was doing when it died, when a store
 * gave no clear answer, or when it slept past its leases, the story ends well.
 */
import { describe, expect, test } from 'vitest'
import type { Fault } from './fault-plan.ts'
import { FREEZE_MS, tellStory } from './one-fault.ts'

const isLong = process.env.TIDEWATER_TEST_LONG === '1'
/** In the first, brokers lose offsets in both partitions: a kill between a commit and its report of the loss once hid it. */
const SEEDS = isLong ? [209, 33, 47] : [209]
/** Steps between the calls that a sample looks at; prime, so that the faults hit different calls. */
const SAMPLE_STRIDE = 11

/** Its first process has dead letters to render. */
const RENDERING_SEED = 3

const FAULTS: readonly [string, Fault][] = [
  ['killed before', { kind: 'crash', when: 'before' }],
  ['killed right after', { kind: 'crash', when: 'after' }],
  ['refused at', { kind: 'fail', when: 'before' }],
  ['left without an answer to', { kind: 'fail', when: 'after' }],
  ['frozen before', { kind: 'freeze', when: 'before', forMs: FREEZE_MS }],
  ['frozen after', { kind: 'freeze', when: 'after', forMs: FREEZE_MS }],
]

describe.each(SEEDS)('story of seed %i', seed => {
  test.each(FAULTS)('a process %s any call', { timeout: 1_200_000 }, async (_name, fault) => {
    const { calls } = await tellStory({ seed })
    expect(calls.length).toBeGreaterThan(50)
    const stride = isLong ? 1 : SAMPLE_STRIDE
    const first = isLong ? 1 : 1 + FAULTS.findIndex(([, known]) => known === fault) * 2
    for (let at = first; at <= calls.length; at += stride) await tellStory({ seed, fault, at })
  })
})

/** They come last and are few: a sample would pass over most of them. */
test.each(FAULTS)('a process %s any call that renders dead letters', async (_name, fault) => {
  const { calls } = await tellStory({ seed: RENDERING_SEED })
  const first = calls.indexOf('metadata.listDeadLetterFiles') + 1
  expect(calls.slice(first).map(what => what.replace(/ .*\//, ' '))).toEqual([
    expect.stringMatching(/^warehouse\.get .*parquet$/),
    expect.stringMatching(/^warehouse\.get .*parquet$/),
    'metadata.planDeadLetterSegment',
    'warehouse.put segment-00000000000000000000.kfs',
    'warehouse.put segment-00000000000000000000.index',
    'metadata.completeDeadLetterSegment',
    'metadata.releaseLease',
  ])
  for (let at = first; at <= calls.length; at++) await tellStory({ seed: RENDERING_SEED, fault, at })
})
