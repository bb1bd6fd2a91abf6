import { createEmbeddedCatalog } from '../../catalog-adapters/embedded/embedded-catalog.ts'
import { tableMetadataOf } from '../../shared/iceberg/table-metadata-of.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import { openPipeline, TABLE } from '../fakes/pipeline-fixture.ts'
import { describeCatalog } from './catalog.ts'

describeCatalog('embedded', async () => {
  const pipeline = await openPipeline()
  const { rows: table } = await pipeline.declare()
  const [namespace = '', name = ''] = TABLE.split('.')
  const { metadata, warehouse } = pipeline
  const publication = await metadata.loadPublication(table.tableId, 'local')
  const intentOf = (version: number) => ({
    metadataLocation: `${table.location}/metadata/0000${version}-x.metadata.json`,
    timestampMs: 1_700_000_000_000 + version,
  })
  const versionOf = (version: number) => {
    const { metadataLocation, timestampMs } = intentOf(version)
    return { metadataLocation, metadata: tableMetadataOf({ table, snapshots: [], publication, timestampMs }) }
  }
  return {
    catalog: createEmbeddedCatalog('local', { metadata, warehouse }),
    identifier: { namespace: [namespace], name },
    metadata: versionOf,
    async confirm(version) {
      const { metadataVersion } = await metadata.loadPublication(table.tableId, 'local')
      await metadata.beginPublication(table.tableId, 'local', intentOf(version), metadataVersion)
      await metadata.confirmPublication(table.tableId, 'local', intentOf(version), 100)
    },
    async occupy(version) {
      await warehouse.put(locationToKey(warehouse, intentOf(version).metadataLocation), new Uint8Array([1]))
    },
    close: () => pipeline.close(),
  }
})
