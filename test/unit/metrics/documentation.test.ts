import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { METRICS } from '../../../services/metrics/metric-table.ts'

const docs = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')

describe('docs/metrics.md', () => {
  it('describes every metric with its type and labels, and no other', () => {
    const rows = [...docs.matchAll(/^\| `(?<name>tidewater_\w+)` \| (?<type>\w+) \| (?<labels>[^|]*)\|/gm)]
    const described = rows.map(({ groups }) => [
      groups?.name,
      groups?.type,
      [...(groups?.labels ?? '').matchAll(/\w+/g)].map(([label]) => label),
    ])
    expect(described.sort(byName)).toEqual(
      METRICS.map(({ name, type, labels }) => [name, type, [...labels]]).sort(byName),
    )
  })
})

describe('names', () => {
  it('say their unit, and counters that they only rise', () => {
    for (const { name, type } of METRICS) {
      expect(name).toMatch(/^tidewater_[a-z_]+$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      if (type === 'histogram') expect(name).toMatch(/_seconds$/)
      expect(name).not.toMatch(/_(ms|millis|milliseconds|kb|mb|count)(_|$)/)
    }
  })
})

function byName([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return String(a) < String(b) ? -1 : 1
}
