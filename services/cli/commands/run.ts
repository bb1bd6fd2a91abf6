import type { Config } from '../../../shared/config/config.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { createMetrics, type Metrics } from '../../metrics/metrics.ts'
import { openParts } from '../../parts.ts'
import { runOnce, runPipeline } from '../../pipeline.ts'
import { openServer, type ServerContext } from '../../server/server.ts'
import { ALL_STAGES, type Stage } from '../../stages.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, withConfig } from '../load-config-file.ts'
import { showProgress } from '../show-progress.ts'
import { onStopSignal } from '../stop-signal.ts'
import { note } from '../terminal.ts'

/** What a process that has handed back its tasks may still take to end what else was under way, such as a publication. */
const MAX_LEAVING_MS = 10_000

interface RunCommandOptions extends ConfigOption {
  readonly once?: boolean
  readonly stages?: ReadonlySet<Stage>
  /** Tasks converted at once, in the place of `limits.workers`. */
  readonly concurrency?: number
}

export async function run(options: RunCommandOptions): Promise<ExitCode> {
  const { once = false, stages = ALL_STAGES, concurrency } = options
  return await withConfig(options, config =>
    runConfig(concurrency === undefined ? config : withWorkers(config, concurrency), { once, stages }),
  )
}

function withWorkers(config: Config, workers: number): Config {
  return { ...config, limits: { ...config.limits, workers } }
}

async function runConfig(
  config: Config,
  { once, stages }: { readonly once: boolean; readonly stages: ReadonlySet<Stage> },
): Promise<ExitCode> {
  const display = showProgress({ bars: once && process.stderr.isTTY })
  let metrics: Metrics | undefined
  const parts = await openParts(config, {
    runtime: systemRuntime,
    stages,
    report: progress => {
      display.report(progress)
      metrics?.observe(progress)
    },
  })
  const ending = endOnSignal(config.limits.stopGraceMs)
  try {
    if (!once) {
      metrics = createMetrics(parts)
      await serveWhile({ ...parts, metrics, stopping: ending.signal }, () => runPipeline(parts, ending))
      return EXIT.done
    }
    const reasons = await runOnce(parts, ending)
    display.stop()
    for (const reason of reasons) note(`not done: ${reason}`)
    return reasons.length === 0 ? EXIT.done : EXIT.failed
  } finally {
    display.stop()
    await parts.close()
    ending.close()
  }
}

/** The server answers until the last task has ended, so that a stop can be watched; it says at once that it is not ready for more. */
async function serveWhile(context: ServerContext, body: () => Promise<void>): Promise<void> {
  const { listen } = context.config.server
  if (listen === undefined) return await body()
  const server = await openServer(context, listen)
  const served = context.stages.has('serve')
    ? `Iceberg REST catalog: ${server.url}/catalog · API: ${server.url}/api/v1`
    : 'health and metrics'
  note(`server: ${server.url} · ${served}`)
  try {
    await body()
  } finally {
    await server.close()
  }
}

interface Ending {
  /** No new work begins. */
  readonly signal: AbortSignal
  /** Tasks under way go to other workers. */
  readonly handBack: AbortSignal
  /** The run has ended: nothing is to be ended any more. */
  close(): void
}

/**
 * The first SIGINT or SIGTERM begins no new work; tasks under way have the grace period to end, and are handed back after it. What is
 * then still under way is left as a crash would leave it, which loses nothing. A second signal does so at once.
 */
function endOnSignal(graceMs: number): Ending {
  const stop = new AbortController()
  const handBack = new AbortController()
  const over = new AbortController()
  const passed = async (ms: number) => {
    await systemRuntime.sleep(ms, over.signal)
    return !over.signal.aborted
  }
  const end = async () => {
    note(
      `stopping: tasks under way have ${graceMs / 1000} s to end, then other workers get them; a second signal leaves at once`,
    )
    stop.abort()
    if (!(await passed(graceMs))) return
    handBack.abort()
    if (!(await passed(MAX_LEAVING_MS))) return
    note('leaving in the middle of what is still under way; the next start goes on with it')
    process.exit(EXIT.failed)
  }
  const forget = onStopSignal(() => void end())
  return {
    signal: stop.signal,
    handBack: handBack.signal,
    close() {
      over.abort()
      forget()
    },
  }
}
