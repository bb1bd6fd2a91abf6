import { describe, expect, it } from 'vitest'
import { scanReportOf } from '../../../../services/server/catalog/metrics-report.ts'
import { problemsOfSchema } from '../../../fakes/rest-catalog-spec.ts'

/** As a Java engine sends it. */
const SCAN = {
  'report-type': 'scan-report',
  'table-name': 'local.shop.orders',
  'snapshot-id': 9_100_000_000_000_000_001n,
  filter: { type: 'eq', term: 'id', value: '(hash-1b2c)' },
  'schema-id': 0,
  'projected-field-ids': [1, 2],
  'projected-field-names': ['id', 'amount'],
  metrics: {
    'total-planning-duration': { count: 1, 'time-unit': 'nanoseconds', 'total-duration': 2_644_235_116 },
    'result-data-files': { unit: 'count', value: 3 },
    'skipped-data-files': { unit: 'count', value: 5 },
    'skipped-data-manifests': { unit: 'count', value: 2 },
    'total-file-size-in-bytes': { unit: 'bytes', value: 2n ** 60n },
  },
  metadata: { 'engine-name': 'spark', 'engine-version': '4.0.1', 'iceberg-version': '1.11.0' },
}
const COMMIT = {
  'report-type': 'commit-report',
  'table-name': 't',
  'snapshot-id': 1,
  'sequence-number': 2,
  operation: 'append',
  metrics: {},
}

describe('a report of a scan', () => {
  it('gives every number that it has, exactly', () => {
    // The validator knows no bigint, and the specification's own types of values overlap.
    const plain = { ...SCAN, 'snapshot-id': 1, filter: { type: 'is-null', term: 'id' } }
    const bytes = { 'total-file-size-in-bytes': { unit: 'bytes', value: 12 } }
    const metrics = { ...SCAN.metrics, ...bytes }
    expect(problemsOfSchema('ReportMetricsRequest', { ...plain, metrics })).toEqual([])
    expect(scanReportOf(SCAN, 'Apache-HttpClient/5')).toEqual({
      snapshotId: 9_100_000_000_000_000_001n,
      schemaId: 0,
      filter: '{"type":"eq","term":"id","value":"(hash-1b2c)"}',
      projectedFields: ['id', 'amount'],
      engine: 'spark 4.0.1',
      planningDurationUs: 2_644_235n,
      resultFiles: 3n,
      resultBytes: 2n ** 60n,
      skippedFiles: 5n,
      skippedManifests: 2n,
    })
  })

  it('may have no metrics, a filter that is only true, and an engine that says no name', () => {
    const least = { ...SCAN, filter: true, metrics: {}, metadata: null }
    expect(scanReportOf(least, 'PyIceberg/0.12')).toEqual({
      snapshotId: SCAN['snapshot-id'],
      schemaId: 0,
      filter: 'true',
      projectedFields: ['id', 'amount'],
      engine: 'PyIceberg/0.12',
    })
    expect(scanReportOf(least, undefined)).not.toHaveProperty('engine')
  })

  it('takes the units of Java’s clock, and leaves out what it cannot tell', () => {
    const duration = (unit: string, total: number | bigint) =>
      scanReportOf(
        {
          ...SCAN,
          metrics: { 'total-planning-duration': { count: 1, 'time-unit': unit, 'total-duration': total } },
        },
        undefined,
      )?.planningDurationUs
    expect(duration('milliseconds', 3)).toBe(3000n)
    expect(duration('SECONDS', 1)).toBe(1_000_000n)
    expect(duration('fortnights', 1)).toBeUndefined()
    expect(duration('constructor', 1)).toBeUndefined()
    expect(duration('days', 2n ** 62n)).toBeUndefined()
    const counters = { 'total-planning-duration': { unit: 'count', value: 1 } }
    expect(scanReportOf({ ...SCAN, metrics: counters }, undefined)).not.toHaveProperty('planningDurationUs')
  })

  it('is kept within bounds', () => {
    const long = 'x'.repeat(100_000)
    const report = scanReportOf(
      {
        ...SCAN,
        filter: { type: 'eq', term: 'id', value: long },
        'projected-field-names': Array.from({ length: 5000 }, () => long),
        metadata: { 'engine-name': long },
      },
      undefined,
    )
    expect(
      JSON.stringify({ ...report, snapshotId: 0 }, (_k, v) => (typeof v === 'bigint' ? 0 : v)).length,
    ).toBeLessThan(60_000)
  })
})

it('a report of a commit is checked and not kept', () => {
  expect(scanReportOf(COMMIT, undefined)).toBeUndefined()
  expect(() => scanReportOf({ ...COMMIT, operation: 7 }, undefined)).toThrow('no report of metrics')
})

it('whatever is no report is refused', () => {
  const nested = (levels: number): unknown =>
    levels === 0 ? true : { type: 'not', child: nested(levels - 1) }
  const bad: unknown[] = [
    undefined,
    null,
    [],
    'scan-report',
    {},
    { ...SCAN, 'report-type': 'other-report' },
    { ...SCAN, 'snapshot-id': 2n ** 63n },
    { ...SCAN, 'snapshot-id': '1' },
    { ...SCAN, filter: nested(500) },
    { ...SCAN, filter: 'true' },
    { ...SCAN, 'projected-field-names': 'id' },
    { ...SCAN, metrics: { a: { unit: 'count', value: -1 } } },
    { ...SCAN, metrics: { a: { unit: 'count', value: 1.5 } } },
    {
      ...SCAN,
      metrics: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i, { unit: 'a', value: 1 }])),
    },
    { ...SCAN, metadata: { a: 1 } },
  ]
  for (const body of bad) expect(() => scanReportOf(body, undefined)).toThrow('no report of metrics')
})
