/** One address that leads to whichever port it is pointed at, as a virtual address or a proxy before several servers does. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface TcpSwitch {
  readonly port: number
  /** From now on; connections that stand are cut. */
  pointTo(port: number): void
  stop(): Promise<void>
}

export async function startTcpSwitch(target: number): Promise<TcpSwitch> {
  let port = target
  const sockets = new Set<Socket>()
  const server = createServer(from => {
    const to = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the switch listens on no port')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: address.port,
    pointTo(other) {
      port = other
      cut()
    },
    async stop() {
      const closed = once(server, 'close')
      server.close()
      cut()
      await closed
    },
  }
}
