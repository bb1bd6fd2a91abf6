import { describe, expect, it } from 'vitest'
import type { CatalogTable } from '../../../catalog-adapters/catalog.ts'
import { foreignChange, RELEASED_CODE, type Standing } from '../../../services/publisher/foreign-change.ts'
import type { TableMetadata } from '../../../shared/iceberg/table-metadata.ts'
import { tableMetadataOf } from '../../../shared/iceberg/table-metadata-of.ts'
import type { Publication, SnapshotRecord } from '../../../shared/metadata/metadata-store.ts'
import { LOCATION, ORDERS, TABLE_ID, table } from '../iceberg/fixtures.ts'

const record = (n: bigint): SnapshotRecord => ({
  tableId: TABLE_ID,
  snapshotId: 100n + n,
  ...(n > 1n && { parentSnapshotId: 99n + n }),
  sequenceNumber: n,
  version: n,
  timestampMs: 1_000 + Number(n),
  operation: 'append',
  schemaId: 0,
  manifestListPath: `${LOCATION}/metadata/snap-${n}.avro`,
  summary: {},
  state: 'cut',
})
/** The first has expired; the catalog was brought to the third. */
const snapshots = [2n, 3n, 4n].map(record)
const published: Publication = {
  tableId: TABLE_ID,
  catalog: 'lakehouse',
  state: 'published',
  snapshotId: 103n,
  metadataLocation: 's3://lake/3.metadata.json',
  tableUuid: TABLE_ID,
  metadataVersion: 3,
  metadataLog: [],
}
const metadataOf = (shown: readonly SnapshotRecord[]) =>
  tableMetadataOf({ table: table(), snapshots: shown, timestampMs: 2_000 })

const standing = (publication: Partial<Publication> = {}): Standing => ({
  table: table(),
  publication: { ...published, ...publication },
  snapshots,
  wanted: metadataOf(snapshots),
})
function shows(newest: bigint | undefined, changes: Partial<TableMetadata> = {}): CatalogTable {
  const metadata = {
    ...metadataOf([1n, 2n, 3n, 4n].filter(n => newest !== undefined && n <= newest).map(record)),
    ...changes,
  }
  return { tableUuid: metadata.tableUuid, metadataLocation: 's3://lake/x.metadata.json', metadata }
}
const codeOf = (of: Standing, current: CatalogTable | undefined) => foreignChange(of, current)?.code

describe('what is ours', () => {
  const { metadataLocation: _location, snapshotId: _id, tableUuid: _uuid, ...unpublished } = published
  const never: Standing = { ...standing(), publication: { ...unpublished, state: 'pending' } }
  it.each<[string, Standing, CatalogTable | undefined]>([
    ['what was published', standing(), shows(3n)],
    ['a younger one, whose answer was lost', standing(), shows(4n)],
    ['nothing, where nothing was published', never, undefined],
    ['an empty table that was made a moment ago', never, shows(undefined)],
    [
      'one that has expired since, in a catalog that was away for long',
      standing({ snapshotId: 101n }),
      shows(1n),
    ],
    [
      'a table with the uuid that this catalog gave it',
      standing({ tableUuid: 'theirs' }),
      { ...shows(3n), tableUuid: 'theirs' },
    ],
    [
      'a table that says whose it is, found after a crash before its first commit',
      never,
      { ...shows(undefined, { properties: { 'tidewater.table-id': TABLE_ID } }), tableUuid: 'theirs' },
    ],
    ['a comment that somebody put on a column', standing(), shows(3n, { schemas: [withDoc()] })],
    ['its place with a slash at the end', standing(), shows(3n, { location: `${LOCATION}/` })],
  ])('%s', (_what, of, current) => {
    expect(foreignChange(of, current)).toBeUndefined()
  })

  function withDoc() {
    const [first, ...others] = ORDERS.fields
    if (first === undefined) throw new Error('the orders have columns')
    return { ...ORDERS, fields: [{ ...first, doc: 'mine' }, ...others] }
  }
})

describe('what others did', () => {
  const foreign = { ...shows(3n).metadata.snapshots[0], snapshotId: 42n, parentSnapshotId: 103n }
  it.each<[string, Standing, CatalogTable | undefined, string, RegExp]>([
    ['dropped', standing(), undefined, 'table-dropped', /no longer/],
    ['another table', standing(), { ...shows(3n), tableUuid: 'x' }, 'table-replaced', /uuid x, not/],
    [
      'a snapshot of another writer',
      standing(),
      shows(3n, {
        snapshots: [
          ...shows(3n).metadata.snapshots,
          { ...record(9n), ...foreign, manifestList: 'm', summary: {} },
        ],
        currentSnapshotId: 42n,
      }),
      'foreign-snapshot',
      /at snapshot 42 on top of its own 103/,
    ],
    ['rolled back', standing(), shows(2n), 'foreign-rollback', /102, an earlier one than 103/],
    ['emptied', standing(), shows(undefined), 'foreign-rollback', /without a snapshot/],
    [
      'another schema',
      standing(),
      shows(3n, { schemas: [ORDERS, { ...ORDERS, schemaId: 1, fields: ORDERS.fields.slice(1) }] }),
      'foreign-schema',
      /schema 1, which Tidewater did not make/,
    ],
    ['moved', standing(), shows(3n, { location: 's3://else' }), 'table-moved', /at s3:\/\/else, not at/],
  ])('%s', (_what, of, current, code, words) => {
    expect(foreignChange(of, current)).toMatchObject({
      code,
      next: 'park',
      message: expect.stringMatching(words),
    })
  })

  it('a new table with other ids than its files is told apart from one whose schema was changed', () => {
    const { metadataLocation: _location, ...unpublished } = published
    const [first, ...others] = ORDERS.fields
    if (first === undefined) throw new Error('the orders have columns')
    const renumbered = shows(undefined, {
      schemas: [{ ...ORDERS, fields: [{ ...first, id: 9 }, ...others] }],
    })
    const { snapshotId: _id, ...never } = unpublished
    expect(codeOf({ ...standing(), publication: never }, renumbered)).toBe('table-ids-differ')
    expect(
      codeOf(standing({ snapshotId: 103n }), {
        ...shows(3n),
        metadata: { ...shows(3n).metadata, schemas: renumbered.metadata.schemas },
      }),
    ).toBe('foreign-schema')
  })

  it('a person’s word brings back what was dropped or rolled back, and nothing else', () => {
    const released = standing({ lastErrorCode: RELEASED_CODE })
    for (const current of [undefined, shows(2n), shows(undefined)])
      expect(codeOf(released, current)).toBeUndefined()
    expect(codeOf(released, { ...shows(3n), tableUuid: 'x' })).toBe('table-replaced')
  })
})
