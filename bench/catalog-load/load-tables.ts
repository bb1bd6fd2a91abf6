/** Clients that load one table at the same moment, each over a connection of its own that stays open, as engines keep theirs. */
import { Agent, get } from 'node:http'

export interface LoadedBurst {
  readonly durationsMs: readonly number[]
  /** Of one answer. */
  readonly answerBytes: number
}

export interface TableClients {
  /** All of them ask at once; resolves when the last has its whole answer. Throws for any answer but 200. */
  burst(url: string, encoding: string): Promise<LoadedBurst>
  close(): void
}

export function openTableClients(count: number): TableClients {
  const agent = new Agent({ keepAlive: true, maxSockets: count })
  return {
    async burst(url, encoding) {
      const answers = await Promise.all(Array.from({ length: count }, () => load(agent, url, encoding)))
      return {
        durationsMs: answers.map(answer => answer.durationMs),
        answerBytes: answers[0]?.bytes ?? 0,
      }
    },
    close: () => agent.destroy(),
  }
}

interface Loaded {
  readonly durationMs: number
  readonly bytes: number
}

/** The bytes are counted and not unpacked: clients have processors of their own. */
function load(agent: Agent, url: string, encoding: string): Promise<Loaded> {
  const begin = performance.now()
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { 'accept-encoding': encoding } }, answer => {
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.byteLength
      })
      answer.on('error', reject)
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve({ durationMs: performance.now() - begin, bytes })
        else reject(new Error(`${url} answered ${answer.statusCode}`))
      })
    }).on('error', reject)
  })
}
