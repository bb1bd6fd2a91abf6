/** Seeded worlds in bad weather; docs/simulation.md says how to run one seed, or many. */
import { describe, expect, test } from 'vitest'
import { liveThroughMany } from './many-worlds.ts'
import { BrokenWorld, liveThrough } from './random-world.ts'
import { describeShrunk, shrink } from './shrink.ts'

const isLong = process.env.TIDEWATER_TEST_LONG === '1'
const only = process.env.TIDEWATER_SIMULATION_SEED
const WORLDS = { first: 1000, count: isLong ? 100_000 : 2_000 }

/**
 * Seeds that failed on earlier states of the pipeline, and what they found. What a seed meets shifts with the calls that processes make and
 * with what worlds hold, so each defect has a test of its own too.
 */
const FOUND: readonly [number, string][] = [
  [7, 'a publisher that slept past its lease put an older table in the place of a newer one'],
  [97, 'a publication did not come to rest after a publisher had been overtaken'],
  [99, 'metadata said that it was older than what it replaced, because clocks differ'],
  [1035, 'a topic that was recreated before anything of it was planned began in its middle'],
  [1079, 'what was left of a topic while it was being deleted was taken for a new life of it'],
  [1517, 'a topic that was recreated after skip-to was taken for what it had been, and began in its middle'],
  [1649, 'a topic that was recreated after skip-to was not planned'],
  [13347, 'half a segment that was left of a topic was taken for a new life of it'],
  [5909, 'a listing that was held up between two pages joined one life of a topic to the next'],
  [334, 'a renderer that had stood still wrote a dead-letter segment again after it had expired'],
]

async function mustLive(seed: number): Promise<void> {
  try {
    const { world } = await liveThrough(seed)
    world.database.close()
  } catch (error) {
    if (error instanceof BrokenWorld) throw new Error(describeShrunk(await shrink(error)), { cause: error })
    throw error
  }
}

// Either the one seed that was asked for, or all the others; never a skipped test.
if (only !== undefined) test(`seed ${only} of TIDEWATER_SIMULATION_SEED`, () => mustLive(Number(only)))
else describe('random worlds', describeRandomWorlds)

function describeRandomWorlds(): void {
  test.each(FOUND)('seed %i: %s', mustLive)

  test(`${WORLDS.count} worlds end with every record once in every table, whatever happened`, {
    timeout: WORLDS.count * 1_500,
  }, async () => {
    const broken: string[] = []
    const sums = await liveThroughMany({ ...WORLDS, onBroken: text => broken.push(text) })
    expect(broken.join('\n\n')).toBe('')
    expect(sums.worlds).toBe(WORLDS.count)
    // Worlds in which nothing goes wrong show nothing.
    expect(sums.struck).toBeGreaterThan(WORLDS.count / 2)
    expect(sums.faults / sums.worlds).toBeGreaterThan(5)
  })
}
