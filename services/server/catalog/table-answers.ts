/**
 * Answers to loadTable: `{"metadata-location", "metadata", "config", …}` as bytes.
 *
 * The metadata is the file at its location, as the publisher rendered it: the file never changes, so a location has one answer, which is
 * made once and sent as it is ever after. A table of a thousand snapshots has a megabyte of metadata; putting that together anew for each
 * request, from rows or from the parsed file, would cost more than everything else that the server does. Sending it costs too: clients
 * that take gzip, as all the usual ones do, get an answer of about a tenth of the bytes, compressed once and in another thread.
 */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { z } from 'zod'
import { exactInteger, parseExactJson, stringifyExactJson } from '../../../shared/iceberg/exact-json.ts'
import type { PublishedTable } from '../../../shared/metadata/metadata-store.ts'
import { locationToKey } from '../../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { boundedRunner } from '../../../shared/runtime/run-bounded.ts'
import { createByteCache } from './byte-cache.ts'

/** Answers that are kept: those of some sixty tables of a thousand snapshots, or of thousands of small ones. */
const MAX_CACHED_BYTES = 64 << 20
/** Metadata files that are fetched and made answers of at once: each is held twice for a moment, whatever the cache has room for. */
const MAX_FETCHES = 8

const compress = promisify<Buffer, Buffer>(gzip)

/** `refs`: only snapshots that a branch or tag points at. */
export type SnapshotMode = 'all' | 'refs'

export interface TableAnswer {
  readonly mode: SnapshotMode
  readonly isGzip: boolean
}

export interface TableAnswers {
  /** The body of the answer. Errors: those of the store, and `table-metadata-damaged`. */
  load(table: PublishedTable, answer: TableAnswer): Promise<Buffer>
}

export interface TableAnswersContext {
  readonly warehouse: ObjectStore
  /** What stands beside the metadata in every answer: `config`, `storage-credentials`. */
  readonly beside: Readonly<Record<string, unknown>>
}

export function createTableAnswers({ warehouse, beside }: TableAnswersContext): TableAnswers {
  const cache = createByteCache(MAX_CACHED_BYTES)
  const runBounded = boundedRunner(MAX_FETCHES)
  const end = Buffer.from(`,${JSON.stringify(beside).slice(1)}`)

  const answerOf = ({ metadataLocation }: PublishedTable, metadata: Uint8Array): Buffer =>
    Buffer.concat([
      Buffer.from(`{"metadata-location":${JSON.stringify(metadataLocation)},"metadata":`),
      metadata,
      end,
    ])

  const all = (table: PublishedTable): Promise<Buffer> =>
    cache.get(`all ${table.metadataLocation}`, () =>
      runBounded(async () => {
        const bytes = await warehouse.get(locationToKey(warehouse, table.metadataLocation))
        checkMetadata(bytes, table)
        return answerOf(table, bytes)
      }),
    )

  const refs = (table: PublishedTable): Promise<Buffer> =>
    cache.get(`refs ${table.metadataLocation}`, async () => {
      const whole = await all(table)
      const start = answerOf(table, new Uint8Array(0)).byteLength - end.byteLength
      const metadata = whole.subarray(start, whole.byteLength - end.byteLength)
      return answerOf(table, Buffer.from(withoutHistory(metadata.toString(), table.metadataLocation)))
    })

  const plain = (table: PublishedTable, mode: SnapshotMode) => (mode === 'all' ? all(table) : refs(table))

  return {
    load: (table, { mode, isGzip }) =>
      isGzip
        ? cache.get(
            `gzip ${mode} ${table.metadataLocation}`,
            async () => await compress(await plain(table, mode)),
          )
        : plain(table, mode),
  }
}

const metadataSchema = z.object({ 'table-uuid': z.string() })

/** What is spliced into answers must be JSON, and must be this table's. */
function checkMetadata(bytes: Uint8Array, { tableId, name, metadataLocation }: PublishedTable): void {
  const uuid = metadataSchema.safeParse(jsonOf(bytes)).data?.['table-uuid']
  if (uuid === tableId) return
  throw new AppError({
    code: 'table-metadata-damaged',
    next: 'park',
    message: `Loading table ${name}: expected its metadata (table uuid ${tableId}) at ${metadataLocation}, found ${uuid === undefined ? 'no table metadata' : `that of table ${uuid}`}. Something other than Tidewater has written there; restore the object.`,
    details: { table: name, metadataLocation },
  })
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  } catch {
    return undefined
  }
}

const long = z.union([z.number(), z.bigint()]).transform(value => exactInteger(value))
const wholeSchema = z.record(z.string(), z.unknown())
const historySchema = z.object({
  refs: z.record(z.string(), z.object({ 'snapshot-id': long })).optional(),
  snapshots: z.array(z.looseObject({ 'snapshot-id': long })).optional(),
})

/** Leaves out snapshots to which no branch or tag points. The log of snapshots stays: clients load the others when they are asked for them. */
function withoutHistory(metadata: string, what: string): string {
  const json = parseExactJson(metadata, what)
  const { snapshots = [], refs = {} } = historySchema.parse(json)
  const wanted = new Set(Object.values(refs).map(ref => ref['snapshot-id']))
  return stringifyExactJson({
    ...wholeSchema.parse(json),
    snapshots: snapshots.filter(snapshot => wanted.has(snapshot['snapshot-id'])),
  })
}
