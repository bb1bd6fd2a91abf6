/** A small HTTP server on a free loopback port, for what the tests' own endpoints answer. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'

export interface EndpointRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface EndpointAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** The connection breaks instead of an answer. */
export const CUT: EndpointAnswer = { status: 0 }

export interface LocalEndpoint {
  /** `http://127.0.0.1:port` */
  readonly url: string
  stop(): Promise<void>
}

export async function startEndpoint(
  answer: (request: EndpointRequest) => Promise<EndpointAnswer>,
): Promise<LocalEndpoint> {
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const answered: EndpointAnswer = await text(request)
      .then(sent => answer({ method, path: url, headers, body: sent }))
      .catch((error: unknown) => ({ status: 500, body: String(error) }))
    if (answered === CUT) request.socket.destroy()
    else response.writeHead(answered.status, answered.headers).end(answered.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
