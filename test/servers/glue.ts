/**
 * AWS Glue for tests: moto on a free loopback port, behind a front that adds what moto leaves out.
 *
 * moto keeps databases and tables, their parameters, columns and versions, says `EntityNotFoundException` and `AlreadyExistsException`
 * as Glue does, checks signatures, and decides by IAM policies. The front adds:
 * - the optimistic lock: moto takes every `UpdateTable`, whatever its `VersionId`;
 * - `SkipArchive`: moto keeps every version;
 * - `CatalogId`: moto ignores it; here a catalog of another account is refused, as Glue does where no policy of that account allows it;
 * - refusals by IAM in Glue's words: moto answers them in XML.
 * Neither lower-cases names, nor knows Lake Formation, nor throttles: such answers are injected by a fault proxy.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as sendRequest } from 'node:http'
import { DeleteTableVersionCommand, GetTableCommand, GlueClient } from '@aws-sdk/client-glue'
import { installMoto } from './install.ts'
import { answersOk, dataFolder, freePort, removeFolder, startProcess } from './server-process.ts'

const REGION = 'us-east-1'
/** The account whose catalog it is where no `CatalogId` is given. */
export const GLUE_ACCOUNT_ID = '123456789012'

export interface GlueKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface GlueServer extends GlueKeys {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string
  readonly region: string
  /** What came so far. */
  readonly requests: readonly GlueRequest[]
  /** A user who may do these actions, `glue:GetTable` for example, and no others. */
  createUser(actions: readonly string[]): Promise<GlueKeys>
  stop(): Promise<void>
}

export interface GlueRequest {
  /** For example UpdateTable. */
  readonly operation: string
  readonly input: GlueInput
}

export interface GlueInput {
  readonly CatalogId?: string
  readonly DatabaseName?: string
  readonly VersionId?: string
  readonly SkipArchive?: boolean
  readonly TableInput?: { readonly Name: string }
}

export async function startGlueServer(): Promise<GlueServer> {
  const folder = dataFolder('glue')
  const port = await freePort()
  const moto = `http://127.0.0.1:${port}`
  const server = await startProcess({
    name: 'moto',
    program: await installMoto(),
    args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
    cwd: folder,
    isReady: () => answersOk(`${moto}/moto-api/data.json`),
  })
  const createUser = (actions: readonly string[]) => makeUser(moto, actions)
  const keys = await createUser(['glue:*'])
  const requests: GlueRequest[] = []
  const front = await startFront({ moto, keys, requests })
  return {
    ...keys,
    endpoint: front.endpoint,
    region: REGION,
    requests,
    createUser,
    async stop() {
      await front.stop()
      await server.stop()
      removeFolder(folder)
    },
  }
}

interface Front {
  readonly moto: string
  readonly keys: GlueKeys
  readonly requests: GlueRequest[]
}

async function startFront({ moto, keys, requests }: Front) {
  const client = new GlueClient({ endpoint: moto, region: REGION, credentials: keys })
  // Glue looks at the version and moves it on in one step.
  let updates: Promise<unknown> = Promise.resolve()
  const oneByOne = <T>(step: () => Promise<T>): Promise<T> => {
    const result = updates.then(step)
    updates = result.catch(() => {})
    return result
  }

  async function update(request: IncomingMessage, body: Buffer, input: GlueInput): Promise<Answer> {
    const { DatabaseName, TableInput, VersionId, SkipArchive } = input
    const table = { DatabaseName, Name: TableInput?.Name }
    const { Table } = await client.send(new GetTableCommand(table)).catch(() => ({ Table: undefined }))
    if (VersionId !== undefined && Table !== undefined && Table.VersionId !== VersionId)
      return refusal(
        'ConcurrentModificationException',
        'Update table failed due to concurrent modifications.',
      )
    const answer = await forward(moto, request, body)
    if (answer.status === 200 && SkipArchive === true && Table?.VersionId !== undefined) {
      const version = { DatabaseName, TableName: table.Name, VersionId: Table.VersionId }
      await client.send(new DeleteTableVersionCommand(version))
    }
    return answer
  }

  async function answerTo(
    request: IncomingMessage,
    body: Buffer,
    { operation, input }: GlueRequest,
  ): Promise<Answer> {
    const { CatalogId } = input
    if (CatalogId !== undefined && CatalogId !== GLUE_ACCOUNT_ID) {
      return refusal(
        'AccessDeniedException',
        `User: arn:aws:iam::${GLUE_ACCOUNT_ID}:user/x is not authorized to perform: glue:${operation} on resource: arn:aws:glue:${REGION}:${CatalogId}:catalog because no resource-based policy allows the glue:${operation} action`,
      )
    }
    return operation === 'UpdateTable'
      ? await oneByOne(() => update(request, body, input))
      : await forward(moto, request, body)
  }

  async function serve(request: IncomingMessage): Promise<Answer> {
    const body = Buffer.concat(await request.toArray())
    const operation = String(request.headers['x-amz-target']).replace('AWSGlue.', '')
    const input = inputIn(body)
    // Garbled on the way: nobody has signed that.
    if (input === undefined)
      return refusal('InvalidSignatureException', 'The request signature does not match')
    requests.push({ operation, input })
    return await answerTo(request, body, { operation, input })
  }

  const server = createServer((request, response) => {
    serve(request).then(
      ({ status, body }) =>
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(body),
      () => response.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the system gave no port')
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    async stop() {
      client.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function inputIn(body: Buffer): GlueInput | undefined {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** An error as Glue sends it. */
export function glueError(code: string, message: string) {
  return { __type: code, Message: message }
}

function refusal(code: string, message: string): Answer {
  return { status: 400, body: JSON.stringify(glueError(code, message)) }
}

/** Headers go through as they came, `Host` above all, so that signatures stay right. */
async function forward(moto: string, request: IncomingMessage, body: Buffer): Promise<Answer> {
  const { hostname, port } = new URL(moto)
  const { headers } = request
  const upstream = sendRequest({ hostname, port, method: 'POST', path: '/', headers, setHost: false })
  upstream.end(body)
  const [answer]: IncomingMessage[] = await once(upstream, 'response')
  if (answer === undefined) throw new Error('moto gave no answer')
  const text = Buffer.concat(await answer.toArray()).toString('utf8')
  const [, code] = /<Code>(\w+)<\/Code>/.exec(text) ?? []
  const [, message = ''] = /<Message>([^<]*)<\/Message>/.exec(text) ?? []
  if (code !== undefined) return refusal(IAM_CODES[code] ?? code, message)
  return { status: answer.statusCode ?? 502, body: text }
}

/** As services that speak JSON name what moto says in the words of those that speak XML. */
const IAM_CODES: Readonly<Record<string, string>> = {
  AccessDenied: 'AccessDeniedException',
  InvalidClientTokenId: 'UnrecognizedClientException',
  SignatureDoesNotMatch: 'InvalidSignatureException',
}

async function makeUser(moto: string, actions: readonly string[]): Promise<GlueKeys> {
  // Whoever asks for users while moto checks nothing needs no signature; the scope only says which service is meant.
  await fetch(`${moto}/moto-api/reset-auth`, { method: 'POST', body: 'inf' })
  const ask = async (parameters: Readonly<Record<string, string>>) => {
    const answer = await fetch(`${moto}/`, {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=x/20200101/${REGION}/iam/aws4_request, SignedHeaders=host, Signature=x`,
      },
      body: new URLSearchParams({ Version: '2010-05-08', ...parameters }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`moto answered ${answer.status} to ${parameters.Action}: ${text}`)
    return text
  }
  const user = `user-${crypto.randomUUID()}`
  const policy = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
  }
  await ask({ Action: 'CreateUser', UserName: user })
  const document = JSON.stringify(policy)
  await ask({ Action: 'PutUserPolicy', UserName: user, PolicyName: 'p', PolicyDocument: document })
  const keys = await ask({ Action: 'CreateAccessKey', UserName: user })
  const accessKeyId = /<AccessKeyId>([^<]+)/.exec(keys)?.[1]
  const secretAccessKey = /<SecretAccessKey>([^<]+)/.exec(keys)?.[1]
  if (accessKeyId === undefined || secretAccessKey === undefined) throw new Error(`no keys in ${keys}`)
  await fetch(`${moto}/moto-api/reset-auth`, { method: 'POST', body: '0' })
  return { accessKeyId, secretAccessKey }
}
