/**
 * What clients need to read the warehouse's files themselves, by the names that Iceberg's clients share: `client.region` for Java,
 * `s3.region` for Python, the others for all. Credentials only where tidewater.yaml says so.
 */
import type { StoreConfig } from '../../../shared/config/config.ts'

export type Settings = Readonly<Record<string, string>>

/** A server of one's own asks for some region in signatures, and does not care which. */
const REGION_OF_OWN_SERVER = 'us-east-1'

/** No secret. Empty for a warehouse that is a folder. */
export function storageSettings(
  store: Pick<StoreConfig, 'url' | 'endpoint' | 'clientEndpoint' | 'region' | 'pathStyle'>,
): Settings {
  const { url, region, pathStyle } = store
  if (!isS3(url)) return {}
  // Clients may stand elsewhere: what is localhost here has another name in their containers.
  const endpoint = store.clientEndpoint ?? store.endpoint
  const knownRegion = region ?? (endpoint === undefined ? undefined : REGION_OF_OWN_SERVER)
  return {
    ...(endpoint !== undefined && { 's3.endpoint': endpoint }),
    's3.path-style-access': String(pathStyle ?? endpoint !== undefined),
    ...(knownRegion !== undefined && { 's3.region': knownRegion, 'client.region': knownRegion }),
  }
}

/** Those of tidewater.yaml. A warehouse that takes them from the AWS chain has none to pass on. */
export function storageCredentials({ url, credentials }: StoreConfig): Settings {
  if (!isS3(url) || credentials === undefined) return {}
  return {
    's3.access-key-id': credentials.accessKeyId.reveal(),
    's3.secret-access-key': credentials.secretAccessKey.reveal(),
    ...(credentials.sessionToken !== undefined && { 's3.session-token': credentials.sessionToken.reveal() }),
  }
}

function isS3(url: string): boolean {
  return url.startsWith('s3://')
}
