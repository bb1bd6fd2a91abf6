import { afterEach, expect, test } from 'vitest'
import { cutSnapshot } from '../../../services/publisher/cut-snapshot.ts'
import type { MergePolicy } from '../../../shared/iceberg/plan-manifests.ts'
import type { MetadataStore } from '../../../shared/metadata/metadata-store.ts'
import { ids, land } from '../../fakes/land-segments.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'

const MERGE_SOON: MergePolicy = { minCountToMerge: 2, targetManifestBytes: 1_000_000 }

let pipeline: Pipeline
afterEach(() => pipeline.close())

/** Commits ten more rows. */
async function commitTen(number: number) {
  await land(pipeline.source, ids(number * 10, 10), { base: number * 10 })
  await pipeline.plan({ everything: true })
  await pipeline.convert()
}

const cut = async (metadata: MetadataStore) => {
  const { rows } = await pipeline.declare()
  return cutSnapshot({ ...pipeline.parts, metadata, mergePolicy: MERGE_SOON }, rows.tableId)
}

test('a publisher that is overtaken while it merges manifests is sent back, and the snapshot of the other one stands', async () => {
  pipeline = await openPipeline()
  const { metadata } = pipeline
  await commitTen(0)
  await cut(metadata)
  await commitTen(1)
  const slow: MetadataStore = {
    ...metadata,
    async listFilesOfManifests(tableId, paths) {
      await cut(metadata)
      return metadata.listFilesOfManifests(tableId, paths)
    },
  }
  await expect(cut(slow)).rejects.toMatchObject({ code: 'snapshot-stale', next: 'retry' })
  const { rows } = await pipeline.declare()
  expect((await metadata.loadSnapshotInput(rows.tableId)).manifests).toMatchObject([
    { addedRowsCount: 10n, existingRowsCount: 10n },
  ])
  expect(await cut(metadata)).toBeUndefined()
})
