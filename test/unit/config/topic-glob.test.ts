import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isTopicName, matchGlob, starsOf } from '../../../shared/config/topic-glob.ts'

describe('matchGlob', () => {
  test.each([
    ['orders', 'orders', []],
    ['orders', 'orders.eu', undefined],
    ['orders.*', 'orders.eu', ['eu']],
    ['orders.*', 'orders.eu.west', ['eu.west']],
    ['orders.*', 'orders.', ['']],
    ['orders.*', 'orders', undefined],
    ['orders.*', 'xorders.eu', undefined],
    ['*', 'anything', ['anything']],
    ['*.orders', 'eu.orders', ['eu']],
    ['*.*', 'a.b.c', ['a', 'b.c']],
    ['a*a', 'a', undefined],
    ['a*a', 'aa', ['']],
    ['*ab*b', 'aabb', ['a', '']],
    ['orders-v?', 'orders-v2', []],
    ['orders-v?', 'orders-v', undefined],
    ['orders-v?', 'orders-v22', undefined],
    ['?*.c', 'a.c', ['']],
    ['orders.*', 'Orders.eu', undefined],
  ])('%s and %s', (glob, topic, captured) => {
    expect(matchGlob(glob, topic)).toEqual(captured)
  })

  test.each([
    ['*', '_schemas', undefined],
    ['*', '__consumer_offsets', undefined],
    ['?schemas', '_schemas', undefined],
    ['_*', '_schemas', ['schemas']],
    ['_*', '__consumer_offsets', undefined],
    ['__*', '__consumer_offsets', ['consumer_offsets']],
    ['*', 'orders.dlq', undefined],
    ['orders.*', 'orders.dlq', undefined],
    ['*.dlq', 'orders.dlq', ['orders']],
    ['orders.dlq', 'orders.dlq', []],
    ['*_*', 'a_b', ['a', 'b']],
  ])('reaches into kept corners only by name: %s and %s', (glob, topic, captured) => {
    expect(matchGlob(glob, topic)).toEqual(captured)
  })

  test('agrees with a regular expression, and puts the glob together again', () => {
    const text = (characters: string) =>
      fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(text('ab.*?'), text('ab.'), (glob, topic) => {
        const source = glob.replaceAll('.', '\\.').replaceAll('?', '.').replaceAll('*', '(.*?)')
        const found = new RegExp(`^${source}$`).exec(topic)
        const captured = matchGlob(glob, topic)
        expect(captured).toEqual(found?.slice(1))
        if (captured === undefined || glob.includes('?')) return
        let next = 0
        expect(glob.replaceAll('*', () => captured[next++] ?? '')).toBe(topic)
        expect(next).toBe(starsOf(glob))
      }),
      { numRuns: 2000 },
    )
  })

  test('many stars cost no more than the two lengths multiplied', () => {
    expect(matchGlob(`${'*a'.repeat(120)}b`, 'a'.repeat(249))).toBeUndefined()
  })
})

test('a topic is named as Kafka allows', () => {
  expect(['orders', 'a.b-c_D9', 'x'.repeat(249)].every(isTopicName)).toBe(true)
  expect(['', '.', '..', 'a b', 'a/b', 'ä', 'x'.repeat(250)].some(isTopicName)).toBe(false)
})
