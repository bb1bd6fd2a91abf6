/** Seeded worlds in bad weather; docs/simulation.md says how to run one seed, or many. */
import { describe, expect, test } from 'vitest'
import { type LivedWorld, liveThrough } from './random-world.ts'

const isLong = process.env.TIDEWATER_TEST_LONG === '1'
const only = process.env.TIDEWATER_SIMULATION_SEED
const SAMPLE = { first: 1000, count: isLong ? 2000 : 30 }

/** Seeds that failed on earlier states of the pipeline, and what they found. What a seed meets shifts with the calls that processes make. */
const FOUND: readonly [number, string][] = [
  [7, 'a publisher that slept past its lease put an older table in the place of a newer one'],
  [97, 'a publication did not come to rest after a publisher had been overtaken'],
  [99, 'metadata said that it was older than what it replaced, because clocks differ'],
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
