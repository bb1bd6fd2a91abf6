import { expect, it } from 'vitest'
import { createPlanShares, shareOf } from '../../../services/planning/plan-shares.ts'
import { openSqliteMetadataStore } from '../../../shared/metadata/sqlite/store.ts'
import { createSteppedRuntime } from '../../fakes/stepped-runtime.ts'

const TABLES = Array.from({ length: 1000 }, (_, i) => `table-${i}`)

it('spreads tables over all shares, evenly enough', () => {
  const counts = new Map<string, number>()
  for (const table of TABLES) counts.set(shareOf(table), (counts.get(shareOf(table)) ?? 0) + 1)
  expect(counts.size).toBe(64)
  expect(Math.max(...counts.values())).toBeLessThan(40)
})

it('gives every table to exactly one of two that plan, once both have looked again, and all to the one that stays', async () => {
  const runtime = createSteppedRuntime(1)
  const metadata = openSqliteMetadataStore({ path: ':memory:', clock: runtime.nowMs, runtime })
  await metadata.migrate()
  const [left, right] = ['left', 'right'].map(holder => createPlanShares({ metadata, runtime, holder }))
  if (left === undefined || right === undefined) throw new Error('there are two')
  const countHeld = async (shares: typeof left) => TABLES.filter(await shares.held()).length
  expect(await countHeld(left)).toBe(TABLES.length)
  expect(await countHeld(right)).toBe(0)
  runtime.advance(4000)
  const ofLeft = TABLES.filter(await left.held())
  const ofRight = TABLES.filter(await right.held())
  expect([...ofLeft, ...ofRight].sort()).toEqual([...TABLES].sort())
  expect(Math.abs(ofLeft.length - ofRight.length)).toBeLessThan(200)
  await right.leave()
  runtime.advance(4000)
  expect(await countHeld(left)).toBe(TABLES.length)
  await metadata.close()
})

it('asks the database once in a while, however often it is asked itself', async () => {
  const runtime = createSteppedRuntime(1)
  let asked = 0
  const metadata = {
    shareLeases: async () => {
      asked++
      return []
    },
  }
  // The other methods are not called.
  const shares = createPlanShares({ metadata: metadata as never, runtime, holder: 'a' })
  for (let i = 0; i < 100; i++) {
    await shares.held()
    runtime.advance(100)
  }
  expect(asked).toBe(3)
})
