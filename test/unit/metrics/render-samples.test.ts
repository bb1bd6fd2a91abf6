import { expect, it } from 'vitest'
import { METRICS } from '../../../services/metrics/metric-table.ts'
import { renderSamples } from '../../../services/metrics/render-samples.ts'
import { parseExposition } from '../../fakes/exposition.ts'

it('writes the series of each metric below its help and type, whatever the order in which they come', () => {
  const text = renderSamples([
    { name: 'tidewater_offset_lag', labels: { table: 'a' }, value: 3 },
    { name: 'tidewater_rows_committed_total', labels: { table: 'a' }, value: 9_007_199_254_740_991 },
    { name: 'tidewater_offset_lag', labels: { table: 'b' }, value: 0.25 },
    { name: 'tidewater_partition_series_omitted', labels: {}, value: 0 },
  ])
  expect(text).toContain(
    '# TYPE tidewater_offset_lag gauge\ntidewater_offset_lag{table="a"} 3\ntidewater_offset_lag{table="b"} 0.25\n',
  )
  expect(text).toContain('\ntidewater_rows_committed_total{table="a"} 9007199254740991\n')
  expect(text).toContain('\ntidewater_partition_series_omitted 0\n')
  expect([...parseExposition(text).types.keys()]).toEqual(
    METRICS.filter(({ from }) => from === 'database').map(({ name }) => name),
  )
})

it('escapes what would end a label', () => {
  const labels = { table: 't', code: 'a"b\\c\nd' }
  const text = renderSamples([{ name: 'tidewater_dead_letters_committed_total', labels, value: 1 }])
  expect(text).toContain('{table="t",code="a\\"b\\\\c\\nd"} 1\n')
})
