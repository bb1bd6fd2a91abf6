/** What a catalog of type glue may say in tidewater.yaml, and what it becomes. */
import { resolve } from 'node:path'
import type { z } from 'zod'
import type { GlueCatalogConfig } from './config.ts'
import { parseEndpoint, scalar, secret, text } from './schema-values.ts'
import { Secret } from './secret.ts'

export const glueKeys = {
  region: text(
    'the name of a region such as eu-central-1',
    'Region of the catalog; otherwise AWS_REGION or that of the profile.',
    /^[A-Za-z0-9-]+$/,
  ).optional(),
  catalog_id: text(
    'the id of an account: twelve digits, in quotes',
    'The account whose catalog it is; otherwise that of the credentials.',
    /^\d{12}(:.+)?$/,
  ).optional(),
  profile: text(
    'the name of a profile',
    'Profile of the shared files of AWS, for keys and region, instead of AWS_PROFILE.',
  ).optional(),
  endpoint: scalar(
    parseEndpoint,
    { type: 'string', format: 'uri' },
    'Another address than AWS has for the region, of a VPC endpoint for example.',
  ).optional(),
  access_key_id: secret(
    'text',
    'Together with secret_access_key, instead of the usual AWS chain. Write it as a reference to an environment variable.',
  ).optional(),
  secret_access_key: secret('text', 'Write it as a reference to an environment variable.').optional(),
  session_token: secret('text', 'For temporary credentials.').optional(),
}

type GlueShape = z.output<z.ZodObject<typeof glueKeys>> & {
  readonly name: string
  readonly ca_file?: string | undefined
}

export function buildGlueCatalog(shape: GlueShape, baseFolder: string): GlueCatalogConfig {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey, session_token: token } = shape
  return {
    name: shape.name,
    type: 'glue',
    ...(shape.region !== undefined && { region: shape.region }),
    ...(shape.catalog_id !== undefined && { catalogId: shape.catalog_id }),
    ...(shape.profile !== undefined && { profile: shape.profile }),
    ...(shape.endpoint !== undefined && { endpoint: shape.endpoint }),
    ...(shape.ca_file !== undefined && { caFile: resolve(baseFolder, shape.ca_file) }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: {
          accessKeyId: new Secret(accessKeyId),
          secretAccessKey: new Secret(secretAccessKey),
          ...(token !== undefined && { sessionToken: new Secret(token) }),
        },
      }),
  }
}
