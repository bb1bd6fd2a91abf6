/** Seeded worlds in bad weather; docs/simulation.md says how to run one seed, or many. */
import { describe, expect, test } from 'vitest'
import { type LivedWorld, liveThrough } from './random-world.ts'

const isLong = process.env.TIDEWATER_TEST_LONG === '1'
const only = process.env.TIDEWATER_SIMULATION_SEED
const SAMPLE = { first: 1000, count: isLong ? 2000 : 30 }

/** Seeds that once failed, and what they found. A change of what a process calls changes what a seed meets: the words are what lasts. */
const FOUND: readonly [number, string][] = [
  [16, 'a publisher that slept began its old intent, and the catalog lost a metadata file from its log'],
  [14, 'metadata said that it was older than what it replaced, because clocks differ'],
  [71, 'a publisher that was overtaken took its own table for a foreign one and held it'],
  [23, 'a table was published and its publication stayed failing, because an old failure came in late'],
]

// Either the one seed that was asked for, or all the others; never a skipped test.
if (only !== undefined) {
  test(`seed ${only} of TIDEWATER_SIMULATION_SEED`, async () => {
    await liveThrough(Number(only))
  })
} else {
  describe('random worlds', describeRandomWorlds)
}

function describeRandomWorlds(): void {
  test.each(FOUND)('seed %i: %s', async seed => {
    await liveThrough(seed)
  })

  test(`${SAMPLE.count} worlds end with every record once in every table, whatever happened`, {
    timeout: SAMPLE.count * 20_000,
  }, async () => {
    const lived: LivedWorld[] = []
    for (let i = 0; i < SAMPLE.count; i++) lived.push(await liveThrough(SAMPLE.first + i))
    // A sample in which nothing goes wrong shows nothing.
    const crashes = lived.filter(({ processesStarted }) => processesStarted > 3).length
    expect(crashes).toBeGreaterThan(SAMPLE.count / 20)
  })
}
