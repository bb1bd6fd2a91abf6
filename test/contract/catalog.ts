/**
 * What every catalog does, whatever keeps it. An implementation's test file calls `describeCatalog`. What a catalog has not (a server
 * of its own that others may write to, and that may fail) is said with the reason, and those tests are left out.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Catalog, CatalogTable, TableIdentifier, Trait } from '../../catalog-adapters/catalog.ts'
import { assignFreshIds } from '../../shared/iceberg/assign-ids.ts'
import type { NestedField } from '../../shared/iceberg/schema.ts'
import { currentSnapshotOf } from '../../shared/iceberg/table-changes.ts'
import type { Snapshot, TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { ORDERS as ANY_ORDER } from '../unit/iceberg/fixtures.ts'

/** What stands between the catalog's client and its server. */
export interface ServerFaults {
  /** Of the next change: the server never sees it, or has done it and its answer is lost. */
  breakNextChange(when: 'before' | 'after'): void
  /** The next request is refused. */
  refuseNext(status: 401 | 403 | 419 | 500 | 502 | 503 | 504 | 409): void
}

/** Somebody else, with all rights. */
export interface OtherClient {
  drop(identifier: TableIdentifier): Promise<void>
  /** Another, empty table of that name. */
  replace(identifier: TableIdentifier): Promise<void>
  /** A property; whoever loaded the table before is late. */
  setProperty(identifier: TableIdentifier, name: string, value: string): Promise<void>
}

export interface OpenedCatalog {
  readonly catalog: Catalog
  /** Of a table that is not there, in a namespace that is not there. */
  readonly identifier: TableIdentifier
  readonly tableUuid: string
  readonly location: string
  readonly server?: { readonly faults: ServerFaults; readonly others: OtherClient }
  /** What the publisher does after a commit. */
  confirm(metadataLocation: string): Promise<void>
  /** Puts something else in this place. */
  occupy(metadataLocation: string): Promise<void>
  close(): Promise<void>
}

export interface CatalogRig {
  readonly hasServer: Trait
  /** Whether a load shows all snapshots, or the current one alone. */
  readonly showsHistory: Trait
  /** Whether a change may be sent again under its key: then an answer that was lost is given again. */
  readonly keepsIdempotencyKeys: Trait
  open(): Promise<OpenedCatalog>
}

/** Ids in the order in which the Java library gives them, as Tidewater's tables have theirs: some servers give ids of their own. */
const { schema: ORDERS } = assignFreshIds(ANY_ORDER.fields.map(withoutIds))

const START_MS = 1_700_000_000_000
const LAST_VERSION = 6

export function describeCatalog(name: string, rig: CatalogRig): void {
  // Hooks outside of a `describe` would open the catalogs of every rig of the file before each test, and the last one's faults would hold.
  describe(`catalog ${name}`, () => describeWith(rig))
}

function describeWith({ hasServer, showsHistory, keepsIdempotencyKeys, open }: CatalogRig): void {
  const unclear = keepsIdempotencyKeys.holds ? 'committed' : 'unknown'
  let opened: OpenedCatalog
  beforeEach(async () => {
    opened = await open()
  })
  afterEach(() => opened?.close())

  /** The history of a table: nothing, then a snapshot of each operation, then what may change besides. */
  function metadataAt(version: number): TableMetadata {
    const { tableUuid, location } = opened
    const operations = ['append', 'append', 'replace', 'delete', 'append', 'append'].slice(0, version - 1)
    const snapshots = operations.map((operation, at): Snapshot => {
      const sequenceNumber = BigInt(at + 1)
      return {
        // Beyond what a double holds.
        snapshotId: 2n ** 60n + sequenceNumber,
        ...(at > 0 && { parentSnapshotId: 2n ** 60n + sequenceNumber - 1n }),
        sequenceNumber,
        timestampMs: START_MS + at,
        manifestList: `${location}/metadata/snap-${sequenceNumber}.avro`,
        summary: { operation, 'total-records': String(at) },
        schemaId: at === LAST_VERSION - 2 ? 1 : 0,
      }
    })
    const plain: TableMetadata = {
      tableUuid,
      location,
      lastSequenceNumber: BigInt(snapshots.length),
      lastUpdatedMs: START_MS + version,
      lastColumnId: 6,
      schemas: [ORDERS],
      currentSchemaId: 0,
      partitionSpecs: [{ specId: 0, fields: [] }],
      defaultSpecId: 0,
      lastPartitionId: 999,
      properties: { 'gc.enabled': 'false' },
      snapshots,
      ...(snapshots.length > 0 && { currentSnapshotId: snapshots.at(-1)?.snapshotId ?? 0n }),
      snapshotLog: snapshots.map(({ snapshotId, timestampMs }) => ({ snapshotId, timestampMs })),
      metadataLog: [],
    }
    if (version < LAST_VERSION) return plain
    const added = { id: 7, name: 'note', required: false, type: { kind: 'string' as const } }
    return {
      ...plain,
      lastColumnId: 7,
      schemas: [ORDERS, { schemaId: 1, fields: [...ORDERS.fields, added] }],
      currentSchemaId: 1,
      partitionSpecs: [
        { specId: 0, fields: [] },
        {
          specId: 1,
          fields: [{ sourceId: 7, fieldId: 1000, name: 'note', transform: { kind: 'identity' } }],
        },
      ],
      defaultSpecId: 1,
      lastPartitionId: 1000,
      properties: { 'gc.enabled': 'false', comment: 'orders of a shop' },
      // The first two have expired.
      snapshots: snapshots.slice(2),
      snapshotLog: plain.snapshotLog.slice(2),
    }
  }
  const fileOf = (version: number) => `${opened.location}/metadata/0000${version}-x.metadata.json`

  async function commit(version: number, base?: CatalogTable | 'none') {
    const { catalog, identifier } = opened
    const current = base ?? (await catalog.loadTable(identifier))
    return await catalog.commit({
      identifier,
      ...(current !== undefined && current !== 'none' && { base: current }),
      metadata: metadataAt(version),
      metadataLocation: fileOf(version),
    })
  }
  /** As the publisher does it, to the end. */
  async function publish(version: number) {
    const first = await commit(version)
    const outcome = first.kind === 'created' ? await commit(version) : first
    expect(outcome).toMatchObject({ kind: 'committed' })
    if (outcome.kind === 'committed') await opened.confirm(outcome.metadataLocation)
    return outcome
  }
  async function shown(): Promise<CatalogTable> {
    const table = await opened.catalog.loadTable(opened.identifier)
    if (table === undefined) throw new Error('the catalog shows no table')
    return table
  }
  /** All that catalogs keep as it was given. Servers add properties of their own. */
  function expectAt(version: number, metadata: TableMetadata): void {
    const wanted = metadataAt(version)
    expect(metadata.properties).toMatchObject(wanted.properties)
    // Without history there are no parents either.
    const snapshots = showsHistory.holds
      ? wanted.snapshots
      : wanted.snapshots.slice(-1).map(({ parentSnapshotId: _parent, ...current }) => current)
    expect(essence(metadata)).toEqual(essence({ ...wanted, snapshots }))
  }

  describe('by itself', () => {
    test('a table that was never committed is not there', async () => {
      expect(await opened.catalog.loadTable(opened.identifier)).toBeUndefined()
    })

    test('a table is made with its namespace, and goes through appends, replaces, deletes, and changes of all else', async () => {
      for (let version = 1; version <= LAST_VERSION; version++) {
        const outcome = await publish(version)
        const table = await shown()
        expectAt(version, table.metadata)
        expect(outcome).toMatchObject({ kind: 'committed', tableUuid: table.tableUuid })
        if (opened.catalog.traits.keepsPointer.holds) {
          expect(outcome).toMatchObject({ metadataLocation: fileOf(version) })
          expect(table).toMatchObject({ metadataLocation: fileOf(version), metadata: metadataAt(version) })
        }
      }
    })

    test('a table is made with all of its history', async () => {
      await publish(LAST_VERSION)
      expectAt(LAST_VERSION, (await shown()).metadata)
    })

    test('a catalog that was left behind catches up in one commit', async () => {
      await publish(2)
      await publish(5)
      expectAt(5, (await shown()).metadata)
    })

    test('the same commit again, on what it led to, changes nothing', async () => {
      await publish(2)
      const before = await shown()
      await publish(2)
      expect(essence((await shown()).metadata)).toEqual(essence(before.metadata))
    })

    test('other content under the name of the metadata file is a conflict, and is left alone', async () => {
      await opened.occupy(fileOf(1))
      expect(await commit(1)).toMatchObject({
        kind: 'conflict',
        message: expect.stringContaining(fileOf(1)),
      })
      await publish(2)
    })
  })

  // Left out rather than skipped: nothing is missing where there is nothing to fail.
  if (!hasServer.holds) return
  const server = () => {
    if (opened.server === undefined) throw new Error('the rig has a server')
    return opened.server
  }
  describe('and what others do', () => {
    test('a table that changed since it was loaded: conflict, and nothing is changed', async () => {
      await publish(2)
      const late = await shown()
      await publish(3)
      expect(await commit(4, late)).toMatchObject({ kind: 'conflict' })
      expectAt(3, (await shown()).metadata)
    })

    test('two who make the table: the second meets a conflict', async () => {
      await publish(2)
      expect(await commit(3, 'none')).toMatchObject({ kind: 'conflict' })
    })

    test('what others set stays', async () => {
      await publish(2)
      await server().others.setProperty(opened.identifier, 'owner', 'somebody')
      await publish(3)
      expect((await shown()).metadata.properties).toMatchObject({ owner: 'somebody' })
    })

    test('a table that was dropped: a commit on what it was is a conflict, then it is not there, and can be made again', async () => {
      await publish(2)
      const before = await shown()
      await server().others.drop(opened.identifier)
      expect(await commit(3, before)).toMatchObject({ kind: 'conflict' })
      expect(await opened.catalog.loadTable(opened.identifier)).toBeUndefined()
      await publish(3)
    })

    test('another table under its name has another uuid, and takes no commit that is meant for the first', async () => {
      await publish(2)
      const before = await shown()
      await server().others.replace(opened.identifier)
      expect(await commit(3, before)).toMatchObject({ kind: 'conflict' })
      const now = await shown()
      expect(now.tableUuid).not.toBe(before.tableUuid)
      expect(now.metadata.snapshots).toEqual([])
    })
  })

  describe('and a server that fails', () => {
    test.each(['create', 'commit'])('%s: an answer that is lost after the change', async what => {
      if (what === 'commit') await publish(2)
      else await server().others.replace({ ...opened.identifier, name: 'makes_the_namespace' })
      server().faults.breakNextChange('after')
      const outcome = await commit(3)
      expect(outcome.kind).toBe(unclear)
      // It did arrive. Where tables are made empty, the next round does the rest.
      const { metadata } = await shown()
      if (what === 'commit') expectAt(3, metadata)
      await publish(3)
      expectAt(3, (await shown()).metadata)
    })

    test('a request that breaks off before the server has it changes nothing, and is nothing sure either', async () => {
      await publish(2)
      server().faults.breakNextChange('before')
      const outcome = await commit(3)
      expect(outcome.kind).toBe(unclear)
      const arrived = outcome.kind === 'committed' ? 3 : 2
      expectAt(arrived, (await shown()).metadata)
      await publish(4)
    })

    test.each([500, 502, 503, 504] as const)('%i to a commit is no answer', async status => {
      await publish(2)
      const base = await shown()
      server().faults.refuseNext(status)
      const outcome = await commit(3, base)
      // Some may send again what came to nothing, and have it done.
      expect(['unknown', 'committed']).toContain(outcome.kind)
      expectAt(outcome.kind === 'committed' ? 3 : 2, (await shown()).metadata)
    })

    test('409 to a commit is a conflict', async () => {
      await publish(2)
      const base = await shown()
      server().faults.refuseNext(409)
      expect(await commit(3, base)).toMatchObject({ kind: 'conflict' })
    })

    test('a missing permission is an error that says which, and passes when it is given', async () => {
      await publish(2)
      const base = await shown()
      server().faults.refuseNext(403)
      await expect(opened.catalog.loadTable(opened.identifier)).rejects.toMatchObject({
        code: 'catalog-forbidden',
        next: 'retry',
        message: expect.stringContaining('read the metadata of the table'),
      })
      server().faults.refuseNext(403)
      await expect(commit(3, base)).rejects.toMatchObject({
        code: 'catalog-forbidden',
        next: 'retry',
        message: expect.stringContaining('write the metadata of the table'),
      })
      await publish(3)
    })

    test.each([401, 419] as const)(
      'a token that has ended (%i) is fetched anew, for reads and for commits',
      async status => {
        server().faults.refuseNext(status)
        expect(await opened.catalog.loadTable(opened.identifier)).toBeUndefined()
        await publish(2)
        const base = await shown()
        server().faults.refuseNext(status)
        expect(await commit(3, base)).toMatchObject({ kind: 'committed' })
      },
    )
  })
}

function essence(metadata: TableMetadata): object {
  const {
    tableUuid: _uuid,
    lastUpdatedMs: _ms,
    snapshotLog: _log,
    metadataLog: _files,
    properties: _properties,
    ...rest
  } = metadata
  return { ...rest, currentSnapshotId: currentSnapshotOf(metadata) }
}

function withoutIds(field: NestedField): NestedField {
  const { type } = field
  return {
    ...field,
    id: 0,
    ...(type.kind === 'struct' && { type: { ...type, fields: type.fields.map(withoutIds) } }),
  }
}
