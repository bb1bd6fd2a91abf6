import type { Config } from '../../../shared/config/config.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { createMetrics, type Metrics } from '../../metrics/metrics.ts'
import { openParts } from '../../parts.ts'
import { runOnce, runPipeline } from '../../pipeline.ts'
import { openServer, type ServerContext } from '../../server/server.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, withConfig } from '../load-config-file.ts'
import { showProgress } from '../show-progress.ts'
import { note } from '../terminal.ts'

interface RunOptions extends ConfigOption {
  readonly once?: boolean
}

export async function run(options: RunOptions): Promise<ExitCode> {
  return await withConfig(options, config => runConfig(config, options.once ?? false))
}

async function runConfig(config: Config, once: boolean): Promise<ExitCode> {
  const display = showProgress({ bars: once && process.stderr.isTTY })
  let metrics: Metrics | undefined
  const parts = await openParts(config, systemRuntime, progress => {
    display.report(progress)
    metrics?.observe(progress)
  })
  const signal = stopSignal()
  try {
    if (!once) {
      metrics = createMetrics(parts)
      await serveWhile({ ...parts, metrics, stopping: signal }, () => runPipeline(parts, signal))
      return EXIT.done
    }
    const reasons = await runOnce(parts, signal)
    display.stop()
    for (const reason of reasons) note(`not done: ${reason}`)
    return reasons.length === 0 ? EXIT.done : EXIT.failed
  } finally {
    display.stop()
    await parts.close()
  }
}

/** The server answers until the last task has ended, so that a stop can be watched; it says at once that it is not ready for more. */
async function serveWhile(context: ServerContext, body: () => Promise<void>): Promise<void> {
  const { listen } = context.config.server
  if (listen === undefined) return await body()
  const server = await openServer(context, listen)
  note(`server: ${server.url} · Iceberg REST catalog: ${server.url}/catalog · API: ${server.url}/api/v1`)
  try {
    await body()
  } finally {
    await server.close()
  }
}

/** The first SIGINT or SIGTERM lets tasks end; the second leaves at once, which loses nothing either. */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(EXIT.failed)
    note('stopping: tasks under way are finished first; a second signal leaves at once')
    stop.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return stop.signal
}
