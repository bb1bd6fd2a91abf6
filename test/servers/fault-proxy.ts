/**
 * An HTTP proxy that misbehaves as told, between a client and a real server: refusals, broken and silent connections, lost answers,
 * garbled bytes. Faults are given one by one for requests that match, or drawn at random from a seed.
 * The `Host` header goes through as it came, so that signatures stay right.
 */
import { once } from 'node:events'
import {
  Agent,
  createServer,
  type IncomingMessage,
  type ServerResponse,
  request as sendRequest,
} from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSeededRandom } from '../simulation/seeded-random.ts'

export type Fault =
  /** Refused before the server sees it. */
  | ({ readonly kind: 'answer' } & FaultAnswer)
  /** The connection breaks before the server sees the request. */
  | { readonly kind: 'cut-before' }
  /** The server has done it; the client sees the connection break. */
  | { readonly kind: 'cut-after' }
  /** The server has done it; the client is told of a failure. */
  | ({ readonly kind: 'answer-after' } & FaultAnswer)
  /** The answer's body breaks off after this part of it. */
  | { readonly kind: 'cut-body'; readonly share: number }
  /** The answer's body stops after this part of it; the connection stays. */
  | { readonly kind: 'stall-body'; readonly share: number }
  /** Nothing ever comes. */
  | { readonly kind: 'stall' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The answer's body comes slowly. */
  | { readonly kind: 'drip'; readonly bytesPerSecond: number }
  /** A byte of the request's body changes on the way. */
  | { readonly kind: 'garble-request' }

export interface FaultAnswer {
  readonly status: number
  readonly code: string
  /** Sent instead of S3's XML. */
  readonly json?: unknown
}

export interface FaultProxy {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string
  /** Every request so far, as `PUT /bucket/key?query`, or `POST / AWSGlue.GetTable` where a header names what is asked. */
  readonly seen: readonly string[]
  /** Called with each request that goes on to the server. */
  onRequest(listener: (request: { readonly line: string; readonly body: string }) => void): void
  /** How many faults have struck. */
  struck(): number
  /** The most requests that were open at the same time since the last `calm()`. */
  mostAtOnce(): number
  /** For the next `times` requests that match. */
  inject(fault: Fault, match: RegExp, times?: number): void
  /** From now on `rate` of all requests meet one of `faults`, the same ones for the same seed and order of requests. */
  rain(options: {
    readonly seed: number
    readonly rate: number
    readonly faults: readonly [Fault, ...Fault[]]
  }): void
  /** No faults from now on; what had been left without an answer is cut. */
  calm(): void
  stop(): Promise<void>
}

export async function startFaultProxy(targetUrl: string): Promise<FaultProxy> {
  const target = new URL(targetUrl)
  const agent = new Agent({ keepAlive: true })
  const planned: { fault: Fault; match: RegExp; left: number }[] = []
  const seen: string[] = []
  let struck = 0
  let open = 0
  let mostAtOnce = 0
  let draw: () => Fault | undefined = () => undefined
  let listener: Parameters<FaultProxy['onRequest']>[0] = () => undefined
  const silent = new Set<Socket>()
  const leaveSilent = (socket: Socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  }

  function nextFault(line: string): Fault | undefined {
    const plan = planned.find(({ match, left }) => left > 0 && match.test(line))
    if (plan !== undefined) plan.left--
    const fault = plan?.fault ?? draw()
    if (fault !== undefined) struck++
    return fault
  }

  const server = createServer((request, response) => {
    const { 'x-amz-target': target } = request.headers
    const line = `${request.method} ${request.url}${target === undefined ? '' : ` ${target}`}`
    seen.push(line)
    mostAtOnce = Math.max(mostAtOnce, ++open)
    // A client that goes away in the middle is no failure of the proxy.
    response.on('error', () => {})
    request.on('error', () => {})
    serve({ request, response, fault: nextFault(line) })
      .catch(() => response.destroy())
      .finally(() => open--)
  })
  server.keepAliveTimeout = 60_000

  async function serve({ request, response, fault }: Exchange): Promise<void> {
    if (fault?.kind === 'stall') return leaveSilent(request.socket)
    if (fault?.kind === 'cut-before') {
      request.socket.destroy()
      return
    }
    if (fault?.kind === 'answer') {
      await request.resume().toArray()
      answerError(response, fault)
      return
    }
    if (fault?.kind === 'delay') await sleep(fault.ms)
    const body = Buffer.concat(await request.toArray())
    listener({ line: `${request.method} ${request.url}`, body: body.toString('utf8') })
    if (fault?.kind === 'garble-request' && body.length > 0) body.writeUInt8(body.readUInt8(0) ^ 1)
    const upstream = sendRequest({
      agent,
      host: target.hostname,
      port: target.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
      setHost: false,
    })
    upstream.end(body)
    const [answer]: IncomingMessage[] = await once(upstream, 'response')
    if (answer === undefined) throw new Error('no answer')
    const content = Buffer.concat(await answer.toArray())
    if (fault?.kind === 'cut-after') {
      request.socket.destroy()
      return
    }
    if (fault?.kind === 'answer-after') {
      answerError(response, fault)
      return
    }
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    if ((fault?.kind === 'cut-body' || fault?.kind === 'stall-body') && content.length > 0) {
      response.write(content.subarray(0, Math.floor(content.length * fault.share)), () => {
        if (fault.kind === 'cut-body') response.destroy()
        else leaveSilent(request.socket)
      })
      response.flushHeaders()
      return
    }
    if (fault?.kind === 'drip') await drip(response, content, fault.bytesPerSecond)
    response.end(fault?.kind === 'drip' ? undefined : content)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the system gave no port')
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    seen,
    onRequest(to) {
      listener = to
    },
    struck: () => struck,
    mostAtOnce: () => mostAtOnce,
    inject(fault, match, times = 1) {
      planned.push({ fault, match, left: times })
    },
    rain({ seed, rate, faults }) {
      const random = createSeededRandom(seed, 'faults')
      draw = () => (random.chance(rate) ? random.pick(faults) : undefined)
    },
    calm() {
      planned.length = 0
      mostAtOnce = open
      draw = () => undefined
      for (const socket of silent) socket.destroy()
    },
    async stop() {
      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly fault: Fault | undefined
}

const DRIPS_PER_SECOND = 10

async function drip(response: ServerResponse, content: Buffer, bytesPerSecond: number): Promise<void> {
  const step = Math.ceil(bytesPerSecond / DRIPS_PER_SECOND)
  for (let at = 0; at < content.length && !response.destroyed; at += step) {
    response.write(content.subarray(at, at + step))
    await sleep(1000 / DRIPS_PER_SECOND)
  }
}

function answerError(response: ServerResponse, { status, code, json }: FaultAnswer): void {
  const body =
    json === undefined
      ? `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>the proxy says ${code}</Message></Error>`
      : JSON.stringify(json)
  response.writeHead(status, {
    'content-type': json === undefined ? 'application/xml' : 'application/json',
    'content-length': String(Buffer.byteLength(body)),
  })
  response.end(body)
}
