/** The simulation can fail: each of a set of deliberate defects breaks a world within so many seeds. */
import { expect, test } from 'vitest'
import { DEFECTS } from './defects.ts'
import { BrokenWorld, liveThrough } from './random-world.ts'
import { describeShrunk, shrink } from './shrink.ts'

test.each(DEFECTS)(
  '$name is found within $within seeds',
  { timeout: 600_000 },
  async ({ defect, within }) => {
    for (let seed = 1; seed <= within; seed++) {
      try {
        const { world } = await liveThrough(seed, { defect })
        world.database.close()
      } catch (error) {
        if (error instanceof BrokenWorld) return
        throw error
      }
    }
    throw new Error(`${within} worlds lived with it`)
  },
)

test('a world that breaks shrinks to what it takes, and breaks in the same way', async () => {
  const commit = DEFECTS.find(({ name }) => name.startsWith('a commit that does not ask'))
  const broken = await firstBroken(commit?.defect ?? {})
  const shrunk = await shrink(broken, commit)
  expect(shrunk.broken.faults.length).toBeLessThan(broken.faults.length)
  expect(shrunk.broken.plan.landing.lives.length).toBeLessThanOrEqual(broken.plan.landing.lives.length)
  expect(shrunk.broken.reason).toContain('was committed')
  expect(describeShrunk(shrunk)).toContain(`--seed ${broken.seed}`)
}, 600_000)

async function firstBroken(defect: NonNullable<(typeof DEFECTS)[number]['defect']>): Promise<BrokenWorld> {
  for (let seed = 1; seed <= 100; seed++) {
    try {
      const { world } = await liveThrough(seed, { defect })
      world.database.close()
    } catch (error) {
      if (error instanceof BrokenWorld) return error
      throw error
    }
  }
  throw new Error('no world broke')
}
