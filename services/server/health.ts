/** What a supervisor of processes asks: is it alive, may it be sent requests. Both are answered without a token, and say nothing secret. */
import type { FastifyInstance } from 'fastify'
import type { Config } from '../../shared/config/config.ts'
import type { MetadataStore } from '../../shared/metadata/metadata-store.ts'

export interface HealthContext {
  readonly config: Config
  readonly metadata: MetadataStore
  /** Aborted once the process has been told to stop. */
  readonly stopping: AbortSignal
}

export function registerHealth(app: FastifyInstance, context: HealthContext): void {
  const notReady = readiness(context)
  app.get('/healthz', { config: { open: true } }, async () => ({ status: 'ok' }))
  app.get('/readyz', { config: { open: true } }, async (_request, reply) => {
    const reasons = await notReady()
    if (reasons.length === 0) return { status: 'ready' }
    reply.status(503)
    return { status: 'not ready', reasons }
  })
}

/** Why requests should go elsewhere. That every table is there is looked for until it is true, and is true from then on. */
function readiness({ config, metadata, stopping }: HealthContext): () => Promise<readonly string[]> {
  let areDeclared = false
  return async () => {
    if (stopping.aborted) return ['the process is stopping']
    try {
      await metadata.nowMs()
      if (areDeclared) return []
      const known = new Set((await metadata.listTables()).map(table => table.name))
      const missing = config.tables.filter(table => !known.has(table.name))
      areDeclared = missing.length === 0
      return missing.map(table => `table ${table.name} is not declared yet`)
    } catch {
      return ['the metadata database does not answer']
    }
  }
}
