/** The catalog of Glue does what every catalog does. */
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  DeleteTableCommand,
  GetTableCommand,
  UpdateTableCommand,
} from '@aws-sdk/client-glue'
import { afterAll, beforeAll } from 'vitest'
import type { TableIdentifier } from '../../catalog-adapters/catalog.ts'
import type { TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { parseTableMetadata, renderTableMetadata } from '../../shared/iceberg/table-metadata-json.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { describeCatalog, type OtherClient, type ServerFaults } from '../contract/catalog.ts'
import { MemoryObjectStore } from '../fakes/memory-object-store.ts'
import type { Fault } from '../servers/fault-proxy.ts'
import { type GlueRig, refusal, startGlueRig } from './glue-rig.ts'

let rig: GlueRig
beforeAll(async () => {
  rig = await startGlueRig()
})
afterAll(() => rig?.stop())

/** How Glue says what others say with a status of HTTP. */
const REFUSALS = new Map<number, Fault>([
  [401, refusal('ExpiredTokenException', 'The security token included in the request is expired')],
  [419, refusal('ExpiredTokenException', 'The security token included in the request is expired')],
  [403, refusal('AccessDeniedException', 'User: x is not authorized to perform: glue:y')],
])
const CONFLICT = refusal(
  'ConcurrentModificationException',
  'Update table failed due to concurrent modifications.',
)

const faults: ServerFaults = {
  breakNextChange(when) {
    rig.proxy.inject({ kind: when === 'before' ? 'cut-before' : 'cut-after' }, /CreateTable|UpdateTable/)
  },
  refuseNext(status) {
    // It looks and tries again where the pointer has not moved.
    if (status === 409) rig.proxy.inject(CONFLICT, /UpdateTable/, 3)
    else
      rig.proxy.inject(REFUSALS.get(status) ?? refusal('InternalServiceException', 'oops', status), /AWSGlue/)
  },
}

/** Another writer of Iceberg tables, with the same warehouse. */
function otherWriter(warehouse: ObjectStore, location: string): OtherClient {
  const placeOf = ({ namespace, name }: TableIdentifier) => ({ DatabaseName: namespace[0] ?? '', Name: name })
  async function inputOf(name: string, metadata: TableMetadata) {
    const metadataLocation = `${location}/metadata/${crypto.randomUUID()}.metadata.json`
    await warehouse.put(locationToKey(warehouse, metadataLocation), renderTableMetadata(metadata))
    return { Name: name, Parameters: { table_type: 'ICEBERG', metadata_location: metadataLocation } }
  }
  const drop = async (identifier: TableIdentifier) => {
    await rig.other.send(new DeleteTableCommand(placeOf(identifier))).catch(() => undefined)
  }
  return {
    drop,
    async replace(identifier) {
      const { DatabaseName, Name } = placeOf(identifier)
      await drop(identifier)
      await rig.other
        .send(new CreateDatabaseCommand({ DatabaseInput: { Name: DatabaseName } }))
        .catch(() => undefined)
      const TableInput = await inputOf(Name, emptyTable(location))
      await rig.other.send(new CreateTableCommand({ DatabaseName, TableInput }))
    },
    async setProperty(identifier, name, value) {
      const { DatabaseName, Name } = placeOf(identifier)
      const { Table } = await rig.other.send(new GetTableCommand({ DatabaseName, Name }))
      const standing = Table?.Parameters?.metadata_location ?? ''
      const metadata = parseTableMetadata(await warehouse.get(locationToKey(warehouse, standing)), standing)
      const properties = { ...metadata.properties, [name]: value }
      const TableInput = await inputOf(Name, { ...metadata, properties })
      await rig.other.send(new UpdateTableCommand({ DatabaseName, TableInput }))
    },
  }
}

const emptyTable = (location: string): TableMetadata => ({
  tableUuid: crypto.randomUUID(),
  location,
  lastSequenceNumber: 0n,
  lastUpdatedMs: 1_700_000_000_000,
  lastColumnId: 1,
  schemas: [{ schemaId: 0, fields: [{ id: 1, name: 'x', required: false, type: { kind: 'int' } }] }],
  currentSchemaId: 0,
  partitionSpecs: [{ specId: 0, fields: [] }],
  defaultSpecId: 0,
  lastPartitionId: 999,
  properties: {},
  snapshots: [],
  snapshotLog: [],
  metadataLog: [],
})

let databases = 0
describeCatalog('glue', {
  hasServer: { holds: true, because: 'AWS Glue is a service' },
  showsHistory: { holds: true, because: 'it points at Tidewater’s own metadata file' },
  keepsIdempotencyKeys: { holds: false, because: 'its updates have version ids instead' },
  async open() {
    rig.proxy.calm()
    const warehouse = new MemoryObjectStore({ url: 'file:///lake/warehouse', nowMs: () => 0 })
    const identifier = { namespace: [`database_${databases++}`], name: 'orders' }
    const location = `${warehouse.url}/${identifier.namespace[0]}/orders`
    const catalog = rig.openCatalog(warehouse)
    return {
      catalog,
      identifier,
      tableUuid: crypto.randomUUID(),
      location,
      server: { faults, others: otherWriter(warehouse, location) },
      confirm: async () => undefined,
      async occupy(metadataLocation) {
        await warehouse.put(locationToKey(warehouse, metadataLocation), new Uint8Array([1]))
      },
      close: () => catalog.close(),
    }
  },
})
