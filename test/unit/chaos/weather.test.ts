import { describe, expect, it } from 'vitest'
import { SPELLS } from '../../chaos/spells.ts'
import { describeStrike, planWeather } from '../../chaos/weather.ts'

const PROCESSES = Array.from({ length: 12 }, (_, i) => `worker-${i}`)
const TWO_MINUTES_MS = 120_000
const plan = (seed: number) => planWeather({ seed, durationMs: TWO_MINUTES_MS, processes: PROCESSES })

describe('weather', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(plan(1)).toEqual(plan(1))
    expect(plan(1)).not.toEqual(plan(2))
  })

  it('brings every kind of strike and every spell of S3 within two minutes, whatever the seed', () => {
    for (let seed = 0; seed < 200; seed++) {
      const strikes = plan(seed).sequences.flat()
      const hows = strikes.flatMap(strike => (strike.kind === 'postgres-restart' ? [strike.how] : []))
      const spells = strikes.flatMap(strike => (strike.kind === 's3' ? [strike.spell] : []))
      const kinds = new Set<string>([...strikes.map(({ kind }) => kind), ...hows, ...spells])
      expect([...kinds].sort(), `seed ${seed}`).toEqual(
        [
          ...['kill', 'kill-starting', 'terminate', 'freeze', 'redis-flush', 'redis-restart', 'redis-freeze'],
          ...['postgres-restart', 'postgres-crash-backend', 'postgres-disconnect', 'fast', 'immediate', 's3'],
          ...SPELLS,
        ].sort(),
      )
    }
  })

  it('tells each strike in one line', () => {
    expect(describeStrike({ afterMs: 5, kind: 'freeze', process: 'convert-1', forMs: 6_200 })).toBe(
      'freeze convert-1 for 6.2 s',
    )
    expect(describeStrike({ afterMs: 5, kind: 'postgres-restart', how: 'kill', downMs: 0 })).toBe(
      'postgres-restart kill down 0.0 s',
    )
  })
})
