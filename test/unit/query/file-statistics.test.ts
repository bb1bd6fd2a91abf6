import { describe, expect, it } from 'vitest'
import { partitionRange } from '../../../services/query/file-statistics.ts'
import type { Transform } from '../../../shared/iceberg/partition-spec.ts'
import { createQueryFixture } from '../../fakes/query-fixture.ts'
import { schemaOf } from '../parquet/batches.ts'

describe('the range of a partition', () => {
  const year: Transform = { kind: 'year' }
  it.each([
    [year, { kind: 'date' }, 0, { lower: 0, upper: 364 }],
    [year, { kind: 'date' }, -1, { lower: -365, upper: -1 }],
    [{ kind: 'month' }, { kind: 'date' }, 1, { lower: 31, upper: 58 }],
    [{ kind: 'month' }, { kind: 'date' }, -1, { lower: -31, upper: -1 }],
    [{ kind: 'day' }, { kind: 'timestamptz' }, 1, { lower: 86_400_000_000n, upper: 172_799_999_999n }],
    [{ kind: 'hour' }, { kind: 'timestamp' }, -1, { lower: -3_600_000_000n, upper: -1n }],
    [{ kind: 'truncate', width: 10 }, { kind: 'int' }, -10, { lower: -10, upper: -1 }],
    // −2³¹ truncated by 10 wraps around to here.
    [{ kind: 'truncate', width: 10 }, { kind: 'int' }, 2_147_483_646, {}],
    [{ kind: 'truncate', width: 3 }, { kind: 'string' }, 'ab', { lower: 'ab', upper: 'ab' }],
    [{ kind: 'truncate', width: 2 }, { kind: 'string' }, 'ab', { lower: 'ab', upper: 'ac' }],
    [{ kind: 'truncate', width: 1 }, { kind: 'string' }, '\u{10ffff}', { lower: '\u{10ffff}' }],
    [{ kind: 'bucket', buckets: 4 }, { kind: 'int' }, 3, {}],
    [year, { kind: 'date' }, 500_000, {}],
  ] as const)('%o of %o: %s', (transform, type, value, range) => {
    expect(partitionRange(transform, type, value)).toEqual(range)
  })
})

it('a file with a NaN is kept wherever something greater than its numbers is asked for', async () => {
  const fixture = await createQueryFixture()
  const schema = schemaOf({ id: 1, name: 'f', required: false, type: { kind: 'float' } })
  await fixture.add({ name: 'n.t', schema, files: [[{ f: 1 }, { f: Number.NaN }], [{ f: 2 }]] })
  const chosen = await fixture.outcome(
    'FROM n.t WHERE f > 5',
    async outcome =>
      outcome.kind === 'explained' ? outcome.readings[0]?.files.map(file => file.addedVersion) : [],
    { explain: true },
  )
  expect(chosen).toEqual([1n])
  await fixture.remove()
})
