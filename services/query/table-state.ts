/** Which state of a table a statement sees: that of one snapshot, the newest one unless told otherwise, and the files in it. */
import type { Schema } from '../../shared/iceberg/schema.ts'
import type {
  LiveFile,
  MetadataStore,
  SnapshotRecord,
  TableDetail,
} from '../../shared/metadata/metadata-store.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'

/** What of the metadata database queries read. */
export type QueryMetadata = Pick<
  MetadataStore,
  'listTables' | 'listSnapshots' | 'listFiles' | 'listPartitions' | 'listEvents' | 'listScanReports'
>

/** Back to one snapshot, or to the newest one at a moment. */
export type TimeTravel =
  | { readonly kind: 'snapshot'; readonly snapshotId: bigint }
  | { readonly kind: 'at'; readonly timestampMs: number }

export interface TableState {
  readonly table: TableDetail
  /** The snapshot's, or the current one of a table without snapshots. */
  readonly schema: Schema
  /** Absent while nothing was published: the table is then empty. */
  readonly snapshot?: SnapshotRecord
  readonly files: readonly LiveFile[]
}

const FILES_PER_PAGE = 1000
/** All entries are held in memory at once, at about 1 KB each. */
const MAX_FILES = 500_000
/** Snapshots named in an error. */
const MAX_NAMED = 5

export async function loadTableState(
  metadata: QueryMetadata,
  table: TableDetail,
  travel?: TimeTravel,
): Promise<TableState> {
  const snapshots = await metadata.listSnapshots(table.tableId)
  const snapshot = travel === undefined ? snapshots.at(-1) : findSnapshot(table, snapshots, travel)
  const schemaId = snapshot?.schemaId ?? table.currentSchemaId
  const schema = table.schemas.find(known => known.schemaId === schemaId)
  invariant(schema !== undefined, `schema ${schemaId} of ${table.name} is one of its schemas`)
  if (snapshot === undefined) return { table, schema, files: [] }
  return { table, schema, snapshot, files: await filesAt(metadata, table, snapshot.version) }
}

async function filesAt(
  metadata: QueryMetadata,
  table: TableDetail,
  version: bigint,
): Promise<readonly LiveFile[]> {
  const files: LiveFile[] = []
  let after: string | undefined
  do {
    const page = await metadata.listFiles(table.tableId, {
      version,
      limit: FILES_PER_PAGE,
      ...(after !== undefined && { after }),
    })
    files.push(...page.files)
    if (files.length > MAX_FILES)
      throw new AppError({
        code: 'query-too-many-files',
        next: 'fatal',
        message: `${table.name} has more than ${MAX_FILES} data files, more than tidewater query takes into memory. Query it through the catalog with an engine for many machines.`,
      })
    after = page.next
  } while (after !== undefined)
  return files
}

function findSnapshot(
  table: TableDetail,
  snapshots: readonly SnapshotRecord[],
  travel: TimeTravel,
): SnapshotRecord {
  const found =
    travel.kind === 'snapshot'
      ? snapshots.find(({ snapshotId }) => snapshotId === travel.snapshotId)
      : snapshots.filter(({ timestampMs }) => timestampMs <= travel.timestampMs).at(-1)
  if (found !== undefined) return found
  const wanted =
    travel.kind === 'snapshot'
      ? `no snapshot ${travel.snapshotId}`
      : `no snapshot as old as ${new Date(travel.timestampMs).toISOString()}`
  const named = snapshots.slice(-MAX_NAMED).map(describe)
  throw new AppError({
    code: 'unknown-snapshot',
    next: 'fatal',
    message: `${table.name} has ${wanted}. ${
      named.length === 0
        ? 'Nothing of it was published yet.'
        : `Of its ${snapshots.length} snapshots the first is ${describe(snapshots[0])}, the newest: ${named.join(', ')}. All of them: SELECT * FROM _tidewater.snapshots`
    }`,
  })
}

function describe(snapshot: SnapshotRecord | undefined): string {
  return snapshot === undefined
    ? '?'
    : `${snapshot.snapshotId} of ${new Date(snapshot.timestampMs).toISOString()}`
}
