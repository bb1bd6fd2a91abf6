/** A server over a pipeline in memory, listening on a free port. */
import { createMetrics } from '../../../services/metrics/metrics.ts'
import { openServer, type RunningServer } from '../../../services/server/server.ts'
import { ALL_STAGES, type Stage } from '../../../services/stages.ts'
import type { ServerConfig } from '../../../shared/config/config.ts'
import { parseExactJson } from '../../../shared/iceberg/exact-json.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { openPipeline, type Pipeline, type PipelineOptions } from '../../fakes/pipeline-fixture.ts'

export interface Serving extends RunningServer {
  readonly pipeline: Pipeline
  readonly stopping: AbortController
  /** GET of a path, with the body as exact JSON. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  end(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Of a body that is JSON. */
  readonly body: unknown
}

export async function serve(
  server: Partial<ServerConfig> = {},
  options: PipelineOptions = {},
  stages: ReadonlySet<Stage> = ALL_STAGES,
): Promise<Serving> {
  const pipeline = await openPipeline(options)
  const stopping = new AbortController()
  const config = { ...pipeline.parts.config, server: { ...pipeline.parts.config.server, ...server } }
  const metrics = createMetrics(pipeline.parts)
  const running = await openServer(
    { ...pipeline.parts, stages, config, metrics, runtime: systemRuntime, stopping: stopping.signal },
    { host: '127.0.0.1', port: 0 },
  )
  return {
    ...running,
    pipeline,
    stopping,
    async get(path, headers = {}) {
      const response = await fetch(running.url + path, { headers })
      const text = await response.text()
      const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== ''
      const body = isJson ? parseExactJson(text, path) : undefined
      return { status: response.status, headers: response.headers, text, body }
    },
    async end() {
      await running.close()
      await pipeline.close()
    },
  }
}
