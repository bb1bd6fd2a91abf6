import { describe, expect, it } from 'vitest'
import { MAX_PARTITION_SERIES } from '../../../services/metrics/metric-table.ts'
import { samplesOf } from '../../../services/metrics/samples.ts'
import type { PartitionFigures, TableFigures } from '../../../shared/metadata/figures.ts'

const AT_MS = 1_000_000

const table = (change: Partial<TableFigures> = {}): TableFigures => ({
  tableId: 't',
  name: 'shop.orders',
  kind: 'rows',
  state: 'active',
  tasks: { queued: 0, claimed: 0, staged: 0, parked: 0, committed: 0, cancelled: 0 },
  accounted: { rows: 0n, deadLetters: 0n, absent: 0n, control: 0n, skipped: 0n, sourceGap: 0n },
  deadLettersByCode: new Map(),
  snapshotCount: 0,
  dataFileCount: 0,
  dataBytes: 0,
  publications: [],
  ...change,
})

const partition = (number: number, change: Partial<PartitionFigures> = {}): PartitionFigures => ({
  tableId: 't',
  topic: 'orders',
  partition: number,
  committedOffset: 10n,
  sourceEndOffset: 10n,
  state: 'active',
  ...change,
})

function valuesOf(name: string, tables: readonly TableFigures[], partitions: readonly PartitionFigures[]) {
  return samplesOf({ atMs: AT_MS, tables, partitions })
    .filter(sample => sample.name === name)
    .map(({ labels, value }) => [...Object.values(labels), value])
}

describe('partitions', () => {
  it('lag by the offsets that the source holds beyond the watermark, and the table by their sum', () => {
    const partitions = [partition(0, { sourceEndOffset: 25n }), partition(1, { sourceEndOffset: 12n })]
    expect(valuesOf('tidewater_partition_offset_lag', [table()], partitions)).toEqual([
      ['shop.orders', 'orders', '0', 15],
      ['shop.orders', 'orders', '1', 2],
    ])
    expect(valuesOf('tidewater_offset_lag', [table()], partitions)).toEqual([['shop.orders', 17]])
  })

  it('make the table wait as long as the oldest of them, and not at all when all is committed', () => {
    const waiting = [
      partition(0, { waitingSinceMs: AT_MS - 500 }),
      partition(1, { waitingSinceMs: AT_MS - 2500 }),
    ]
    const lag = 'tidewater_ingestion_lag_seconds'
    expect(valuesOf(lag, [table()], waiting)).toEqual([['shop.orders', 2.5]])
    expect(valuesOf(lag, [table()], [partition(0)])).toEqual([['shop.orders', 0]])
    // The source's store may have a clock that is ahead.
    expect(valuesOf(lag, [table()], [partition(0, { waitingSinceMs: AT_MS + 9 })])).toEqual([
      ['shop.orders', 0],
    ])
  })

  it.each([
    [{ stalledSinceMs: 5 }, {}, 1],
    [{ state: 'stopped' }, {}, 1],
    [{}, { state: 'stopped' }, 1],
    [{}, {}, 0],
    [{ state: 'paused', stalledSinceMs: 5 }, {}, 0],
    [{ stalledSinceMs: 5 }, { state: 'paused' }, 0],
  ] as const)('%j of a table %j are stalled: %i', (change, tableChange, stalled) => {
    const of = [[table(tableChange)], [partition(0, change)]] as const
    expect(valuesOf('tidewater_partition_stalled', ...of)).toEqual([['shop.orders', 'orders', '0', stalled]])
    expect(valuesOf('tidewater_partitions_stalled', ...of)).toEqual([['shop.orders', stalled]])
  })

  it('have series up to a limit, the stalled and those furthest behind first, and count in their table all the same', () => {
    const partitions = Array.from({ length: MAX_PARTITION_SERIES + 3 }, (_, number) => partition(number))
    partitions[MAX_PARTITION_SERIES + 1] = partition(7001, { sourceEndOffset: 99n })
    partitions[MAX_PARTITION_SERIES + 2] = partition(7002, { stalledSinceMs: 5, sourceEndOffset: 11n })
    const shown = valuesOf('tidewater_partition_offset_lag', [table()], partitions)
    expect(shown).toHaveLength(MAX_PARTITION_SERIES)
    expect(shown.slice(0, 2)).toEqual([
      ['shop.orders', 'orders', '7002', 1],
      ['shop.orders', 'orders', '7001', 89],
    ])
    expect(valuesOf('tidewater_partition_series_omitted', [table()], partitions)).toEqual([[3]])
    expect(valuesOf('tidewater_offset_lag', [table()], partitions)).toEqual([['shop.orders', 90]])
  })
})

describe('publications', () => {
  const published = { catalog: 'c', state: 'published', pendingFiles: 0 } as const
  const of = (change: object) => [[table({ publications: [{ ...published, ...change }] })], []] as const

  it('lag by the newest record that they show, never below 0, and not at all while they show none', () => {
    const lag = 'tidewater_query_lag_seconds'
    expect(valuesOf(lag, ...of({ newestRecordMs: AT_MS - 4000 }))).toEqual([['shop.orders', 'rows', 'c', 4]])
    expect(valuesOf(lag, ...of({ newestRecordMs: AT_MS + 4000 }))).toEqual([['shop.orders', 'rows', 'c', 0]])
    expect(valuesOf(lag, ...of({}))).toEqual([])
  })

  it('of dead letters stand under the name of the table whose they are', () => {
    const letters = table({
      tableId: 'l',
      name: 'shop.orders__dlq',
      kind: 'dead_letters',
      parentTableId: 't',
      publications: [{ ...published, state: 'held', behindSinceMs: AT_MS - 1000 }],
    })
    expect(valuesOf('tidewater_publication_lag_seconds', [table(), letters], [])).toEqual([
      ['shop.orders', 'dead_letters', 'c', 1],
    ])
    expect(valuesOf('tidewater_publication_state', [table(), letters], [])).toContainEqual([
      'shop.orders',
      'dead_letters',
      'c',
      'held',
      1,
    ])
  })
})
