import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createOffsetSet } from '../../../services/audit/offset-set.ts'

test('an offset set answers as a Set does, across chunk borders and beyond 2^53', () => {
  const offset = fc.oneof(
    fc.bigInt(0n, 70n),
    fc.bigInt(65_530n, 65_545n),
    fc.bigInt(2n ** 62n, 2n ** 62n + 70n),
  )
  fc.assert(
    fc.property(fc.array(offset), offset, (added, probe) => {
      const model = new Set<bigint>()
      const set = createOffsetSet()
      for (const next of added) {
        expect(set.add(next)).toBe(!model.has(next))
        model.add(next)
      }
      expect(set.has(probe)).toBe(model.has(probe))
      expect(set.size).toBe(BigInt(model.size))
    }),
  )
})

test('hasAny looks into a range of any width, its end exclusive', () => {
  const set = createOffsetSet()
  set.add(65_535n)
  set.add(2n ** 62n)
  expect(set.hasAny(0n, 65_535n)).toBe(false)
  expect(set.hasAny(65_535n, 65_536n)).toBe(true)
  expect(set.hasAny(65_536n, 2n ** 62n)).toBe(false)
  expect(set.hasAny(65_536n, 2n ** 62n + 1n)).toBe(true)
})
