import { describe, expect, test } from 'vitest'
import {
  createDeadLetterTally,
  MIN_RECORDS_FOR_RATIO,
} from '../../../services/dead-letter/dead-letter-tally.ts'

const slice = {
  topic: 'orders',
  partition: 2,
  incarnation: 0,
  startOffset: 0n,
  endOffset: 1000n,
  segments: [],
}
const failure = { code: 'not-json', message: 'expected JSON' }

describe('createDeadLetterTally', () => {
  test('counts by partition and code, with the first and last offset and the first message', () => {
    const tally = createDeadLetterTally(1, 1000)
    tally.failed(slice, 5n, failure, 'dlq')
    tally.failed(slice, 7n, { ...failure, message: 'another' }, 'dlq')
    tally.failed(slice, 9n, { code: 'overflow', message: 'too large' }, 'dlq')
    expect(tally.counts()).toEqual([
      {
        topic: 'orders',
        partition: 2,
        code: 'not-json',
        count: 2n,
        firstOffset: 5n,
        lastOffset: 7n,
        sampleMessage: 'expected JSON',
      },
      {
        topic: 'orders',
        partition: 2,
        code: 'overflow',
        count: 1n,
        firstOffset: 9n,
        lastOffset: 9n,
        sampleMessage: 'too large',
      },
    ])
  })

  test('skipped records are no dead letters', () => {
    const tally = createDeadLetterTally(1, 1000)
    tally.failed(slice, 5n, failure, 'skip')
    expect(tally.counts()).toEqual([])
  })

  test('a share of failures above the ratio is a flood, skipped ones too', () => {
    const tally = createDeadLetterTally(0.1, 1000)
    tally.seen(MIN_RECORDS_FOR_RATIO)
    for (let i = 0n; i < 10n; i++) tally.failed(slice, i, failure, 'skip')
    tally.refuseFlood()
    tally.failed(slice, 10n, failure, 'skip')
    expect(() => tally.refuseFlood()).toThrow(expect.objectContaining({ code: 'dead-letter-flood' }))
  })

  test('a few records say nothing about a ratio', () => {
    const tally = createDeadLetterTally(0, 1000)
    tally.seen(MIN_RECORDS_FOR_RATIO - 1)
    tally.failed(slice, 0n, failure, 'dlq')
    expect(() => tally.refuseFlood()).not.toThrow()
  })

  test('before the end, only a flood that nothing can make up for is refused', () => {
    const tally = createDeadLetterTally(0.5, 1000)
    tally.seen(600)
    for (let i = 0n; i < 500n; i++) tally.failed(slice, i, failure, 'dlq')
    tally.refuseCertainFlood()
    expect(() => tally.refuseFlood()).toThrow(expect.objectContaining({ code: 'dead-letter-flood' }))
    tally.failed(slice, 500n, failure, 'dlq')
    expect(() => tally.refuseCertainFlood()).toThrow(/501 of 600 .* at offset 500: expected JSON/)
  })
})
