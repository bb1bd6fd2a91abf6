/** Requests signed as AWS wants them (Signature Version 4): Glue's Iceberg endpoint, S3 Tables, and gateways that ask for the same. */
import { createHash, createHmac, type Hash } from 'node:crypto'
import { credentialSourceOf, credentialsKindOf } from '../../shared/object-store/s3-credentials.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import type { Runtime } from '../../shared/runtime/runtime.ts'
import type { Authorization } from './authorization.ts'

export interface SigV4Options {
  readonly catalog: string
  /** `glue`, `s3tables`, `execute-api`. */
  readonly signingName: string
  readonly signingRegion: string
  /** Without it the usual AWS chain. */
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  readonly runtime: Pick<Runtime, 'nowMs'>
}

export function sigV4Authorization(options: SigV4Options): Authorization {
  const { signingName, signingRegion, credentials, runtime } = options
  /** Loaded when it is needed: most commands ask no catalog. */
  async function makeSigner() {
    const { SignatureV4 } = await import('@smithy/signature-v4')
    const chain = await namedChain(options.catalog)
    return new SignatureV4({
      service: signingName,
      region: signingRegion,
      credentials: async () => {
        const found = credentials ?? (await chain())
        const { accessKeyId, secretAccessKey, sessionToken = '' } = found
        shown = [secretAccessKey, sessionToken, accessKeyId]
        return found
      },
      sha256: Sha256,
    })
  }
  let signer: ReturnType<typeof makeSigner> | undefined
  /** What the newest credentials are made of. */
  let shown: readonly string[] = []
  return {
    async headersFor({ method, url, headers, body }) {
      const query: Record<string, string> = {}
      for (const [name, value] of url.searchParams) query[name] = value
      signer ??= makeSigner()
      const signed = await (await signer).sign(
        {
          method,
          protocol: url.protocol,
          hostname: url.hostname,
          ...(url.port !== '' && { port: Number(url.port) }),
          path: url.pathname,
          query,
          headers: { ...headers, host: url.host },
          ...(body !== undefined && { body }),
        },
        { signingDate: new Date(runtime.nowMs()) },
      )
      return signed.headers
    },
    // The chain renews by itself what has an end.
    renew: () => false,
    secrets: () => [...shown],
  }
}

/** The AWS chain, its failures told in the words that stores use for theirs. */
async function namedChain(catalog: string) {
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
  const chain = defaultProvider()
  let hadCredentials = false
  return async () => {
    try {
      const found = await chain()
      hadCredentials = true
      return found
    } catch (cause) {
      const name = cause instanceof Error ? cause.name : String(cause)
      const source = credentialSourceOf(process.env)
      const kind = credentialsKindOf(source, { name, status: undefined }, hadCredentials)
      throw new AppError({
        code: kind.code,
        next: 'retry',
        message: `Could not sign a request to catalog ${catalog}: no credentials (${name}). ${kind.advice}`,
        details: { catalog },
      })
    }
  }
}

/** Node's own, in the shape that the signer asks for. */
class Sha256 {
  readonly #hash: Hash | ReturnType<typeof createHmac>
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}
