/** Opens the REST adapter for the contract of catalogs, on a real server behind a proxy that misbehaves, with another client beside it. */
import { openRestCatalog } from '../../../catalog-adapters/rest/open-rest-catalog.ts'
import type { RestAuthConfig } from '../../../shared/config/config.ts'
import { locationToKey } from '../../../shared/object-store/locations.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import type { OpenedCatalog } from '../../contract/catalog.ts'
import type { Fault, FaultProxy } from '../../servers/fault-proxy.ts'
import { type CatalogAnswer, connectTo, type RestCatalogServer } from '../../servers/rest-catalog.ts'

/** Requests that change something, but those for tokens. */
const CHANGE = /^(POST|DELETE) (?!.*\/oauth\/)/
const ANY = /\/v1\/(?!oauth)/
const OTHER_SCHEMA = {
  type: 'struct',
  'schema-id': 0,
  fields: [{ id: 1, name: 'x', required: false, type: 'int' }],
}

export interface RestRig {
  readonly server: RestCatalogServer
  /** In front of the server's host and port. */
  readonly proxy: FaultProxy
  readonly auth: RestAuthConfig
  /** What the other client shows. */
  readonly token?: string
  /** Tables lie below it. */
  openWarehouse(): ObjectStore
}

let opened = 0

/** Each time with a namespace of its own. */
export async function openRest({
  server,
  proxy,
  auth,
  token,
  openWarehouse,
}: RestRig): Promise<OpenedCatalog> {
  proxy.calm()
  const namespace = ['shop', `north_${++opened}`]
  const warehouse = openWarehouse()
  const other = await connectTo(server, token)
  const separator = other.config.overrides['namespace-separator'] ?? '%1F'
  const tables = `namespaces/${namespace.join(separator)}/tables`
  const { pathname } = new URL(server.uri)
  const catalog = openRestCatalog(
    {
      name: 'of-contract',
      type: 'rest',
      uri: `${proxy.endpoint}${pathname === '/' ? '' : pathname}`,
      warehouse: server.warehouse,
      auth,
      headers: {},
    },
    { warehouse, runtime: systemRuntime },
  )
  const inject = (fault: Fault, match: RegExp) => proxy.inject(fault, match)
  const drop = async (name: string) => done(await other.ask(`${tables}/${name}`, { method: 'DELETE' }))
  return {
    catalog,
    identifier: { namespace, name: 'orders' },
    tableUuid: systemRuntime.uuid(),
    location: `${warehouse.url}/${namespace.join('/')}/orders`,
    server: {
      faults: {
        breakNextChange: when => inject({ kind: when === 'before' ? 'cut-before' : 'cut-after' }, CHANGE),
        refuseNext: status => inject({ kind: 'answer', status, code: 'Injected' }, ANY),
      },
      others: {
        drop: ({ name }) => drop(name),
        async replace({ name }) {
          for (const levels of [namespace.slice(0, 1), namespace])
            done(await other.ask('namespaces', { body: { namespace: levels, properties: {} } }), [409])
          await drop(name).catch(() => undefined)
          done(await other.ask(tables, { body: { name, schema: OTHER_SCHEMA, 'stage-create': false } }))
        },
        async setProperty({ name }, property, value) {
          const updates = [{ action: 'set-properties', updates: { [property]: value } }]
          done(await other.ask(`${tables}/${name}`, { body: { requirements: [], updates } }))
        },
      },
    },
    confirm: async () => undefined,
    occupy: async location => {
      await warehouse.put(locationToKey(warehouse, location), new Uint8Array([1]))
    },
    async close() {
      await catalog.close()
      await warehouse.close()
    },
  }
}

function done({ status, body }: CatalogAnswer, alsoFine: readonly number[] = []): void {
  if (status >= 300 && !alsoFine.includes(status))
    throw new Error(`the other client was refused: ${status} ${JSON.stringify(body)}`)
}
