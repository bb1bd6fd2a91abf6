/**
 * The contract of catalogs on the REST adapter and Nessie, which asks an OpenID provider who calls: a server of another make, that shows
 * a table's current snapshot alone and names its prefix itself.
 */
import { afterAll, beforeAll } from 'vitest'
import { Secret } from '../../../shared/config/secret.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { describeCatalog } from '../../contract/catalog.ts'
import { type FaultProxy, startFaultProxy } from '../../servers/fault-proxy.ts'
import { NESSIE_WRITER, startNessie } from '../../servers/nessie.ts'
import { OPENID_CLIENT, type OpenidProvider, startOpenidProvider } from '../../servers/openid-provider.ts'
import type { RestCatalogServer } from '../../servers/rest-catalog.ts'
import { type S3Server, startS3Server } from '../../servers/s3-server.ts'
import { openRest } from './rest-rig.ts'

const BUCKET = 'lake'
const SECRET = 'a secret: with = signs'
const HOUR_S = 3600

let s3: S3Server
let provider: OpenidProvider
let nessie: RestCatalogServer
let proxy: FaultProxy
beforeAll(async () => {
  s3 = await startS3Server()
  await s3.createBucket(BUCKET)
  provider = await startOpenidProvider({ secrets: { [NESSIE_WRITER]: SECRET } })
  const openid = { issuer: provider.issuer, client: OPENID_CLIENT }
  nessie = await startNessie({ s3: { ...s3, bucket: BUCKET }, openid })
  proxy = await startFaultProxy(new URL(nessie.uri).origin)
})
afterAll(async () => {
  await proxy?.stop()
  await nessie?.stop()
  await provider?.stop()
  await s3?.stop()
})

describeCatalog('rest, at Nessie', {
  hasServer: { holds: true, because: 'it is one' },
  showsHistory: { holds: false, because: 'history is in Nessie’s own commits' },
  keepsIdempotencyKeys: { holds: false, because: 'it does not say so' },
  open() {
    const { endpoint, region, accessKeyId, secretAccessKey } = s3
    const credential = new Secret(`${NESSIE_WRITER}:${SECRET}`)
    return openRest({
      server: nessie,
      proxy,
      auth: { kind: 'credential', credential, scope: 'catalog', serverUri: provider.tokenUrl },
      token: provider.token(HOUR_S, NESSIE_WRITER),
      openWarehouse: () =>
        openObjectStore(nessie.location, {
          runtime: systemRuntime,
          endpoint,
          region,
          pathStyle: true,
          credentials: { accessKeyId, secretAccessKey },
        }),
    })
  },
})
