/**
 * AWS Glue: the catalog knows of a table where its metadata lies, and lists its columns. A commit writes the metadata file, then moves the
 * pointer under Glue's optimistic lock (`VersionId`). A crash between the two leaves a file that nobody names, nothing else.
 */
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  GetTableCommand,
  type Table,
  UpdateTableCommand,
} from '@aws-sdk/client-glue'
import { glueNameProblem } from '../../shared/config/glue-names.ts'
import type { CommitOutcome } from '../../shared/flow.ts'
import { parseTableMetadata, renderTableMetadata } from '../../shared/iceberg/table-metadata-json.ts'
import { keyOfLocation } from '../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { putImmutable } from '../../shared/object-store/put-immutable.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Catalog, CatalogCommit, TableIdentifier } from '../catalog.ts'
import type { Glue, Reply } from './glue-client.ts'
import type { Purpose } from './glue-errors.ts'
import { metadataLocationOf, tableInputOf } from './glue-table.ts'
import { keepingOthers } from './keep-others.ts'

export interface GlueCatalogContext {
  readonly glue: Glue
  readonly warehouse: ObjectStore
}

/** Of one commit, while others change what is beside the pointer. */
const MAX_TRIES = 3

export function createGlueCatalog(name: string, { glue, warehouse }: GlueCatalogContext): Catalog {
  const account = glue.catalogId === undefined ? {} : { CatalogId: glue.catalogId }

  /** `undefined` where there is none, or none that whoever asks may see. */
  async function getTable(
    place: Place,
    { doing, permission }: Pick<Purpose, 'doing' | 'permission'>,
  ): Promise<Table | undefined> {
    const { database, table } = place
    const purpose = {
      doing,
      permission,
      action: 'glue:GetTable',
      resources: resourcesOf(place),
      lakeFormation: 'DESCRIBE on the table',
    }
    const send = new GetTableCommand({ ...account, DatabaseName: database, Name: table })
    const reply = await glue.ask({ ...purpose, changes: false, send: client => client.send(send) })
    if (reply.kind === 'ok') return reply.output.Table
    if (reply.kind === 'unknown') throw reply.cause
    if (reply.failure.name === 'EntityNotFoundException') return undefined
    throw glue.explain(purpose, reply.failure)
  }

  async function createTable(place: Place, commit: CatalogCommit): Promise<CommitOutcome> {
    const { metadata, metadataLocation } = commit
    const { database, table } = place
    const purpose = {
      doing: `create table ${database}.${table}`,
      permission: `create tables in database ${database}`,
      action: 'glue:CreateTable',
      resources: resourcesOf(place),
      lakeFormation: `CREATE_TABLE on the database and DATA_LOCATION_ACCESS on ${metadata.location}`,
    }
    const TableInput = tableInputOf({ name: table, metadata, metadataLocation })
    const send = new CreateTableCommand({ ...account, DatabaseName: database, TableInput })
    const ask = () => glue.ask({ ...purpose, changes: true, send: client => client.send(send) })
    let reply = await ask()
    if (refusalIn(reply) === 'EntityNotFoundException') {
      await createDatabase(place, metadata.location)
      reply = await ask()
    }
    if (reply.kind === 'ok') return committed(commit)
    if (reply.kind === 'unknown') return reply
    const error = glue.explain(purpose, reply.failure)
    if (refusalIn(reply) === 'ConcurrentModificationException')
      return { kind: 'conflict', message: error.message }
    if (refusalIn(reply) !== 'AlreadyExistsException') throw error
    const standing = await getTable(place, purpose)
    if (standing !== undefined) return afterAnother(place, standing, commit)
    return {
      kind: 'conflict',
      message: `Glue has a table ${database}.${table} and does not show it to Tidewater: grant DESCRIBE on it in Lake Formation, or remove it`,
    }
  }

  /** Where the first table of it lies is where engines put what people make in it. */
  async function createDatabase(place: Place, tableLocation: string): Promise<void> {
    const { database } = place
    const purpose = {
      doing: `create database ${database}`,
      permission: 'create databases, or create it yourself',
      action: 'glue:CreateDatabase',
      resources: [`database/${database}`],
      lakeFormation: 'CREATE_DATABASE on the catalog',
    }
    const LocationUri = tableLocation.slice(0, tableLocation.lastIndexOf('/'))
    const send = new CreateDatabaseCommand({ ...account, DatabaseInput: { Name: database, LocationUri } })
    const reply = await glue.ask({ ...purpose, changes: true, send: client => client.send(send) })
    if (reply.kind === 'ok' || refusalIn(reply) === 'AlreadyExistsException') return
    if (reply.kind === 'unknown') throw reply.cause
    throw glue.explain(purpose, reply.failure)
  }

  async function updateTable(
    place: Place,
    commit: CatalogCommit & Required<Pick<CatalogCommit, 'base'>>,
  ): Promise<CommitOutcome> {
    const { base, metadata, metadataLocation } = commit
    const { database, table } = place
    const purpose = {
      doing: `commit to table ${database}.${table}`,
      permission: 'write the metadata of the table',
      action: 'glue:UpdateTable',
      resources: resourcesOf(place),
      lakeFormation: 'ALTER and DESCRIBE on the table',
    }
    for (let tries = 1; ; tries++) {
      // What was loaded does not do: a table that was dropped and made again counts its versions anew, so that an old one may fit.
      const standing = await getTable(place, purpose)
      if (standing === undefined || metadataLocationOf(standing) !== base.metadataLocation)
        return afterAnother(place, standing, commit)
      const send = new UpdateTableCommand({
        ...account,
        DatabaseName: database,
        ...(standing.VersionId !== undefined && { VersionId: standing.VersionId }),
        // Glue keeps a limited number of versions, and Iceberg's metadata has its own history.
        SkipArchive: true,
        TableInput: tableInputOf({ name: table, metadata, metadataLocation, standing }),
      })
      const reply = await glue.ask({ ...purpose, changes: true, send: client => client.send(send) })
      if (reply.kind === 'ok') return committed(commit)
      if (reply.kind === 'unknown') return reply
      const error = glue.explain(purpose, reply.failure)
      if (!CHANGED.has(reply.failure.name)) throw error
      // Somebody's comment or tag, this very commit given up earlier, or a commit that is foreign: another look tells.
      if (tries >= MAX_TRIES) return { kind: 'conflict', message: error.message }
    }
  }

  return {
    name,
    type: 'glue',
    traits: {
      keepsPointer: {
        holds: true,
        because: 'Glue keeps metadata_location among the parameters of the table',
      },
    },
    async loadTable(identifier) {
      const place = placeOf(name, identifier)
      const table = await getTable(place, {
        doing: `load table ${place.database}.${place.table}`,
        permission: 'read the metadata of the table',
      })
      if (table === undefined) return undefined
      const metadataLocation = metadataLocationOf(table)
      if (metadataLocation === undefined) throw notIceberg(name, place, table)
      const key = keyOfLocation(warehouse.url, metadataLocation)
      if (key === undefined) throw elsewhere(name, place, { metadataLocation, warehouse })
      const metadata = parseTableMetadata(await warehouse.get(key), metadataLocation)
      return { tableUuid: metadata.tableUuid, metadataLocation, metadata }
    },
    async commit(commit) {
      const place = placeOf(name, commit.identifier)
      const { base, metadataLocation } = commit
      const metadata = base === undefined ? commit.metadata : keepingOthers(commit.metadata, base.metadata)
      const written = await putImmutable(warehouse, metadataLocation, renderTableMetadata(metadata))
      if (written === 'differs') {
        return {
          kind: 'conflict',
          message: `another content stands at ${metadataLocation}; it is left alone and a new name is taken`,
        }
      }
      return base === undefined
        ? await createTable(place, commit)
        : await updateTable(place, { ...commit, base, metadata })
    },
    async close() {
      glue.close()
    },
  }
}

interface Place {
  readonly database: string
  readonly table: string
}

function placeOf(catalog: string, { namespace, name }: TableIdentifier): Place {
  const full = [...namespace, name].join('.')
  const problem = glueNameProblem(full)
  if (problem === undefined) return { database: namespace.join('.'), table: name }
  throw new AppError({
    code: 'catalog-name-refused',
    next: 'retry',
    message: `Could not publish ${full} to catalog ${catalog}: ${problem.message}. ${problem.suggestion}`,
    details: { catalog, table: full },
  })
}

function resourcesOf({ database, table }: Place): readonly string[] {
  return [`database/${database}`, `table/${database}/${table}`]
}

/** Refusals of an update for what became of the table since it was looked at. */
const CHANGED: ReadonlySet<string> = new Set(['ConcurrentModificationException', 'EntityNotFoundException'])

function refusalIn<T>(reply: Reply<T>): string | undefined {
  return reply.kind === 'refused' ? reply.failure.name : undefined
}

function committed({ metadata, metadataLocation }: CatalogCommit): CommitOutcome {
  return { kind: 'committed', metadataLocation, tableUuid: metadata.tableUuid }
}

/** Something else was there first, unless it was this very commit. */
function afterAnother(
  { database, table }: Place,
  standing: Table | undefined,
  commit: CatalogCommit,
): CommitOutcome {
  const shown = standing && metadataLocationOf(standing)
  if (shown === commit.metadataLocation) return committed(commit)
  const now = standing === undefined ? 'is gone' : `is at ${shown ?? 'no metadata of Iceberg'} by now`
  return { kind: 'conflict', message: `table ${database}.${table} of Glue ${now}; it is looked at again` }
}

function notIceberg(catalog: string, { database, table }: Place, { Parameters, TableType }: Table): AppError {
  const type = Parameters?.table_type ?? TableType ?? 'no type'
  return new AppError({
    code: 'catalog-table-not-iceberg',
    next: 'retry',
    message: `Could not load table ${database}.${table} in catalog ${catalog}: Glue has a table of this name that is no Iceberg table (${type}; Iceberg's have table_type=ICEBERG and a metadata_location). Remove or rename it there, or give this table another name. Nothing was changed.`,
    details: { catalog, table: `${database}.${table}` },
  })
}

function elsewhere(
  catalog: string,
  { database, table }: Place,
  { metadataLocation, warehouse }: { readonly metadataLocation: string; readonly warehouse: ObjectStore },
): AppError {
  return new AppError({
    code: 'location-outside-store',
    next: 'park',
    message: `Catalog ${catalog} shows ${database}.${table} at ${metadataLocation}, which does not lie below the warehouse ${warehouse.url}: another table stands under its name, or the warehouse was moved. Nothing was overwritten; the table is held there.`,
    details: { catalog, table: `${database}.${table}`, location: metadataLocation },
  })
}
