import { describe, expect, it } from 'vitest'
import { closest, editDistance } from '../../../shared/config/suggest.ts'

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['ab', 'ba', 1],
    ['dya', 'day', 1],
  ])('from %s to %s is %i', (left, right, distance) => {
    expect(editDistance(left, right)).toBe(distance)
    expect(editDistance(right, left)).toBe(distance)
  })
})

describe('closest', () => {
  const keys = ['source', 'source_topic', 'source_format', 'commit_interval', 'id']
  it.each([
    ['sorce', 'source'],
    ['source-topic', 'source_topic'],
    ['Commit_Interval', 'commit_interval'],
    ['comit_intervall', 'commit_interval'],
    ['zzz', undefined],
    ['x', undefined],
    ['x'.repeat(1000), undefined],
  ])('to %s is %s', (word, expected) => {
    expect(closest(word, keys)).toBe(expected)
  })
})
