/**
 * Makes a table in a REST catalog, in the first of three ways that the server takes:
 *
 * 1. `register`: our own metadata file, ids and all.
 * 2. One commit with `assert-create` that carries the whole history.
 * 3. `create` with the first schema and spec. The server gives ids and a uuid of its own, so the table stays empty until the publisher has
 *    compared them; the id that Tidewater knows the table by is kept in a property, which finds it again after a crash in between.
 *
 * Every way ends in one table or none, and a table that arrives late is met as a conflict by the next attempt.
 */
import type { CommitOutcome } from '../../shared/flow.ts'
import { stringifyExactJson } from '../../shared/iceberg/exact-json.ts'
import { partitionSpecToJson } from '../../shared/iceberg/partition-spec-json.ts'
import { schemaToJson } from '../../shared/iceberg/schema-json.ts'
import { creationOf } from '../../shared/iceberg/table-changes.ts'
import type { TableMetadata } from '../../shared/iceberg/table-metadata.ts'
import { renderTableMetadata, UNSORTED_ORDER } from '../../shared/iceberg/table-metadata-json.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { putImmutable } from '../../shared/object-store/put-immutable.ts'
import { AppError, invariant } from '../../shared/runtime/errors.ts'
import { TABLE_ID_PROPERTY, type TableIdentifier } from '../catalog.ts'
import type { Request, RestClient } from './rest-client.ts'
import { isUnsupported, type Purpose } from './rest-errors.ts'
import { isMissing, nameOf, namespacePath, outcomeOf, tablePath } from './table-requests.ts'

export interface Creation {
  readonly client: RestClient
  readonly warehouse: ObjectStore
  /** Ways at which the server failed for a table, as `way table`: it would fail again, so the next attempt of this process goes another. */
  readonly failedWays: Set<string>
}

export interface NewTable {
  readonly identifier: TableIdentifier
  readonly metadata: TableMetadata
  readonly metadataLocation: string
}

const REGISTER = 'POST /v1/{prefix}/namespaces/{namespace}/register'

type Way = 'register' | 'commit' | 'create'
const WAYS: readonly Way[] = ['register', 'commit', 'create']

export async function createTable(creation: Creation, table: NewTable): Promise<CommitOutcome> {
  const { client, failedWays } = creation
  const { namespace } = table.identifier
  const name = nameOf(table.identifier)
  await ensureNamespace(client, namespace)
  const { endpoints } = await client.settings()
  const refused: AppError[] = []
  for (const way of WAYS) {
    if (failedWays.has(`${way} ${name}`) || (way === 'register' && !endpoints.has(REGISTER))) continue
    if (way === 'register' && !(await putMetadata(creation.warehouse, table))) return taken(table)
    const purpose = purposeOf(way, table.identifier)
    const reply = await client.ask({ ...purpose, method: 'POST', ...(await requestOf(client, way, table)) })
    if (reply.kind === 'refused' && isUnsupported(reply.refusal)) {
      refused.push(client.explain(purpose, reply.refusal))
      continue
    }
    const outcome = outcomeOf(client, purpose, reply)
    if (outcome.kind === 'unknown' && way !== 'create') failedWays.add(`${way} ${name}`)
    return way === 'create' && outcome.kind === 'committed' ? { kind: 'created' } : outcome
  }
  // The next attempt begins anew: what the server takes may have changed by then.
  for (const way of WAYS) failedWays.delete(`${way} ${name}`)
  throw refusedInEveryWay(name, refused)
}

function purposeOf(way: Way, identifier: TableIdentifier): Purpose {
  const [name, namespace] = [nameOf(identifier), identifier.namespace.join('.')]
  switch (way) {
    case 'register':
      return { doing: `register table ${name}`, permission: `register tables in namespace ${namespace}` }
    case 'commit':
      return {
        doing: `create table ${name} with its history`,
        permission: `create tables in namespace ${namespace}`,
      }
    case 'create':
      return { doing: `create table ${name}`, permission: `create tables in namespace ${namespace}` }
  }
}

/** The first way is the one that a person would mend; what the others met is told behind it. */
function refusedInEveryWay(name: string, [first, ...others]: readonly AppError[]): AppError {
  invariant(first !== undefined, `creating table ${name} was tried in at least one way`)
  const { code, next, message, details } = first
  return new AppError({
    code,
    next,
    message: [message, ...others.map(other => other.message)].join(' '),
    details,
  })
}

/** False where another content stands in its place. */
async function putMetadata(
  warehouse: ObjectStore,
  { metadata, metadataLocation }: NewTable,
): Promise<boolean> {
  return (await putImmutable(warehouse, metadataLocation, renderTableMetadata(metadata))) !== 'differs'
}

function taken({ metadataLocation }: NewTable): CommitOutcome {
  return {
    kind: 'conflict',
    message: `another content stands at ${metadataLocation}; it is left alone and a new name is taken`,
  }
}

async function requestOf(
  client: RestClient,
  way: Way,
  { identifier, metadata, metadataLocation }: NewTable,
): Promise<Pick<Request, 'path' | 'body'>> {
  const levels = await namespacePath(client, identifier.namespace)
  const { name } = identifier
  if (way === 'register') {
    const body = { name, 'metadata-location': metadataLocation }
    return { path: `${levels}/register`, body: stringifyExactJson(body) }
  }
  if (way === 'commit') {
    const body = { identifier, ...creationOf(metadata) }
    return { path: await tablePath(client, identifier), body: stringifyExactJson(body) }
  }
  const [schema] = metadata.schemas
  const [spec] = metadata.partitionSpecs
  invariant(schema !== undefined && spec !== undefined, `table ${name} has a first schema and a first spec`)
  const body = {
    name,
    location: metadata.location,
    schema: schemaToJson(schema),
    'partition-spec': partitionSpecToJson(spec),
    'write-order': UNSORTED_ORDER,
    'stage-create': false,
    properties: { ...metadata.properties, [TABLE_ID_PROPERTY]: metadata.tableUuid },
  }
  return { path: `${levels}/tables`, body: stringifyExactJson(body) }
}

/** Each level is made where it is not there, the outermost first. Who may not look into namespaces may still have one. */
async function ensureNamespace(client: RestClient, namespace: readonly string[]): Promise<void> {
  const whole = namespace.join('.')
  const looking = { doing: `look for namespace ${whole}`, permission: `read namespace ${whole}` }
  const path = await namespacePath(client, namespace)
  const reply = await client.ask({ ...looking, method: 'GET', path })
  if (reply.kind === 'unknown') throw reply.cause
  if (reply.kind === 'ok' || reply.refusal.status === 403) return
  if (!isMissing(reply.refusal)) throw client.explain(looking, reply.refusal)
  for (let depth = 1; depth <= namespace.length; depth++)
    await makeNamespace(client, namespace.slice(0, depth))
}

async function makeNamespace(client: RestClient, namespace: readonly string[]): Promise<void> {
  const whole = namespace.join('.')
  const purpose = {
    doing: `create namespace ${whole}`,
    permission: `create namespace ${whole}, or make it for it`,
  }
  const body = stringifyExactJson({ namespace, properties: {} })
  const reply = await client.ask({ ...purpose, method: 'POST', path: 'namespaces', body })
  if (reply.kind === 'unknown') throw reply.cause
  // 409: it is there, of somebody who came first.
  if (reply.kind === 'refused' && reply.refusal.status !== 409) throw client.explain(purpose, reply.refusal)
}
