import { expect, it } from 'vitest'
import { compareKeys } from '../../chaos/check-rows.ts'

it('finds no fault with the same keys in any order', () => {
  expect(compareKeys('ids', ['2', '1'], ['1', '2'])).toEqual([])
})

it('counts and names keys that are doubled, that nobody produced, and that are missing', () => {
  expect(compareKeys('ids', ['1', '2', '2', '2', '9'], ['1', '2', '3', '4'])).toEqual([
    'ids: 2 more than once, as 2, 2',
    'ids: 1 never produced, as 9',
    'ids: 2 missing, as 3, 4',
  ])
})
