/** A REST catalog from its configuration. Nothing is asked of the server until a table is. */
import type { RestCatalogConfig } from '../../shared/config/config.ts'
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import type { Catalog } from '../catalog.ts'
import { type Authorization, bearerAuthorization, noAuthorization } from './authorization.ts'
import { clientCredentials } from './client-credentials.ts'
import { type Http, openHttp } from './http.ts'
import { createRestCatalog } from './rest-catalog.ts'
import { createRestClient } from './rest-client.ts'
import { sigV4Authorization } from './sigv4.ts'

const OWN_TOKEN_ENDPOINT = '/v1/oauth/tokens'
/** Of headers, those whose values appear in no message. */
const SECRET_HEADER = /auth|cookie|key|secret|token/

export interface RestCatalogParts {
  readonly warehouse: ObjectStore
  readonly runtime: Pick<Runtime, 'nowMs' | 'sleep' | 'random' | 'uuid'>
}

export function openRestCatalog(
  config: RestCatalogConfig,
  { warehouse, runtime }: RestCatalogParts,
): Catalog {
  const { name, uri, caFile } = config
  const http = openHttp(caFile === undefined ? {} : { caFile })
  const headers = Object.fromEntries(
    Object.entries(config.headers).map(([header, value]) => [header, value.reveal()]),
  )
  const inHeaders = Object.entries(headers).flatMap(([header, value]) =>
    SECRET_HEADER.test(header) ? [value] : [],
  )
  const authorization = authorizationOf(config, { http, runtime })
  const client = createRestClient({
    catalog: name,
    uri,
    headers,
    ...(config.warehouse !== undefined && { warehouse: config.warehouse }),
    http,
    authorization: {
      ...authorization,
      secrets: () => [...authorization.secrets(), ...inHeaders],
    },
    shownBy: config.auth.kind === 'none' ? '' : config.auth.kind,
    runtime,
  })
  return createRestCatalog(name, { client, warehouse, close: () => http.close() })
}

function authorizationOf(
  { name, uri, auth }: RestCatalogConfig,
  { http, runtime }: { readonly http: Http; readonly runtime: Pick<Runtime, 'nowMs'> },
): Authorization {
  switch (auth.kind) {
    case 'none':
      return noAuthorization
    case 'token':
      return bearerAuthorization(auth.token.reveal())
    case 'credential':
      return clientCredentials({
        catalog: name,
        credential: auth.credential.reveal(),
        scope: auth.scope,
        serverUri: new URL(auth.serverUri ?? `${uri}${OWN_TOKEN_ENDPOINT}`),
        http,
        runtime,
      })
    case 'sigv4': {
      const { signingName, signingRegion, credentials } = auth
      return sigV4Authorization({
        catalog: name,
        signingName,
        signingRegion,
        ...(credentials !== undefined && {
          credentials: {
            accessKeyId: credentials.accessKeyId.reveal(),
            secretAccessKey: credentials.secretAccessKey.reveal(),
            ...(credentials.sessionToken !== undefined && {
              sessionToken: credentials.sessionToken.reveal(),
            }),
          },
        }),
        runtime,
      })
    }
  }
}
