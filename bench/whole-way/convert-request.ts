/** The request that a worker would get for a task of the bench's table. */

import { join } from 'node:path'
import type { ConvertRequest } from '../../services/converter/convert-request.ts'
import { deadLetterFields } from '../../services/dead-letter/dead-letter-columns.ts'
import { type MetadataMode, metadataFields } from '../../shared/decode/kafka-metadata.ts'
import type { TaskSlice } from '../../shared/flow.ts'
import { assignFreshIds } from '../../shared/iceberg/assign-ids.ts'
import type { Schema } from '../../shared/iceberg/schema.ts'
import { divideWorkerMemory } from '../../shared/runtime/worker-memory.ts'

/** As a table without partitioning would be converted, everything else by default. */
export function requestFor(
  userSchema: Schema,
  slices: readonly TaskSlice[],
  { folder, metadataColumns }: { readonly folder: string; readonly metadataColumns: MetadataMode },
): ConvertRequest {
  const target = (name: string, { schema }: { readonly schema: Schema }) => ({
    name,
    location: `file://${join(folder, 'warehouse', name)}`,
    schema,
    spec: { specId: 0, fields: [] },
  })
  const fields = [...userSchema.fields, ...metadataFields(metadataColumns)]
  return {
    task: {
      taskId: 'bench',
      tableId: `bench-${metadataColumns}`,
      schemaId: 0,
      specId: 0,
      attempts: 0,
      slices,
    },
    claimToken: '',
    sourceName: 'bench',
    rows: target('bench', assignFreshIds(fields)),
    deadLetters: target('bench__dlq', assignFreshIds(deadLetterFields())),
    settings: {
      format: 'json',
      fieldOptions: new Map(),
      unknownFields: 'ignore',
      metadataColumns,
      compression: 'zstd',
      targetFileBytes: 128 * 1024 * 1024,
      dlqMode: 'dlq',
      dlqMaxRatio: 0,
      onSourceGap: 'stop',
      maxOpenPartitions: 1,
      memory: divideWorkerMemory(),
    },
  }
}
