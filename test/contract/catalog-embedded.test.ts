import { createEmbeddedCatalog } from '../../catalog-adapters/embedded/embedded-catalog.ts'
import { locationToKey } from '../../shared/object-store/locations.ts'
import { openPipeline, TABLE } from '../fakes/pipeline-fixture.ts'
import { describeCatalog } from './catalog.ts'

describeCatalog('embedded', {
  hasServer: { holds: false, because: 'its tables are rows of Tidewater’s own database' },
  showsHistory: { holds: true, because: 'it shows the metadata file as it was written' },
  keepsIdempotencyKeys: { holds: false, because: 'no answer of it is lost' },
  async open() {
    const pipeline = await openPipeline()
    const { rows: table } = await pipeline.declare()
    const [namespace = '', name = ''] = TABLE.split('.')
    const { metadata, warehouse } = pipeline
    return {
      catalog: createEmbeddedCatalog('local', { metadata, warehouse }),
      identifier: { namespace: [namespace], name },
      tableUuid: table.tableId,
      location: table.location,
      async confirm(metadataLocation) {
        const { metadataVersion } = await metadata.loadPublication(table.tableId, 'local')
        const intent = { metadataLocation, timestampMs: 1_700_000_000_000 + metadataVersion }
        await metadata.beginPublication(table.tableId, 'local', intent, metadataVersion)
        await metadata.confirmPublication(table.tableId, 'local', intent, 100)
      },
      async occupy(metadataLocation) {
        await warehouse.put(locationToKey(warehouse, metadataLocation), new Uint8Array([1]))
      },
      close: () => pipeline.close(),
    }
  },
})
