/** A Glue of one's own (test/servers/glue.ts), a line to it that fails as told, and someone else who uses the same catalog. */
import { GlueClient } from '@aws-sdk/client-glue'
import type { Catalog } from '../../catalog-adapters/catalog.ts'
import { createGlueCatalog } from '../../catalog-adapters/glue/glue-catalog.ts'
import { type GlueSettings, openGlue } from '../../catalog-adapters/glue/glue-client.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { type Fault, type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts'
import { type GlueServer, glueError, startGlueServer } from '../servers/glue.ts'

export interface GlueRig {
  readonly server: GlueServer
  readonly proxy: FaultProxy
  /** Straight to the server, with all rights. */
  readonly other: GlueClient
  /** Through the proxy, with all rights, unless told otherwise. */
  openCatalog(warehouse: ObjectStore, settings?: GlueSettings): Catalog
  stop(): Promise<void>
}

export async function startGlueRig(): Promise<GlueRig> {
  const server = await startGlueServer()
  const proxy = await startFaultProxy(server.endpoint)
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const credentials = { accessKeyId, secretAccessKey }
  const other = new GlueClient({ endpoint, region, credentials })
  return {
    server,
    proxy,
    other,
    openCatalog(warehouse, settings = {}) {
      const own = { region, endpoint: proxy.endpoint, credentials, ...settings }
      return createGlueCatalog('glue', { glue: openGlue('glue', own, systemRuntime), warehouse })
    },
    async stop() {
      other.destroy()
      await proxy.stop()
      await server.stop()
    },
  }
}

/** An answer of Glue's that says no. */
export const refusal = (code: string, message: string, status = 400): Fault => ({
  kind: 'answer',
  status,
  code,
  json: glueError(code, message),
})
