import type { Config } from '../../../shared/config/config.ts'
import { AppError } from '../../../shared/runtime/errors.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { type Log, openLog } from '../../log/log.ts'
import { createMetrics, type Metrics } from '../../metrics/metrics.ts'
import { factsOf, nameProcess, openParts, type Parts } from '../../parts.ts'
import { runOnce, runPipeline } from '../../pipeline.ts'
import type { Report } from '../../progress.ts'
import { type ConversionMeter, createConversionMeter } from '../../scaling/conversion-meter.ts'
import { withHeartbeat } from '../../scaling/heartbeat.ts'
import { openServer, type ServerContext } from '../../server/server.ts'
import { ALL_STAGES, type Stage } from '../../stages.ts'
import { type Ending, endOnSignal } from '../end-on-signal.ts'
import { EXIT, type ExitCode, exitCodeOf } from '../exit-code.ts'
import { type ConfigOption, withConfig } from '../load-config-file.ts'
import { packageVersion } from '../package-version.ts'
import { showBars } from '../show-progress.ts'
import { errorText, note } from '../terminal.ts'
import { counted } from '../units.ts'

interface RunCommandOptions extends ConfigOption {
  readonly once?: boolean
  readonly stages?: ReadonlySet<Stage>
  /** Tasks converted at once, in the place of `limits.workers`. */
  readonly concurrency?: number
}

export async function run(options: RunCommandOptions): Promise<ExitCode> {
  const { once = false, stages = ALL_STAGES, concurrency } = options
  return await withConfig(options, config =>
    withLog(concurrency === undefined ? config : withWorkers(config, concurrency), { once, stages }),
  )
}

function withWorkers(config: Config, workers: number): Config {
  return { ...config, limits: { ...config.limits, workers } }
}

interface Chosen {
  readonly once: boolean
  readonly stages: ReadonlySet<Stage>
}

async function withLog(config: Config, chosen: Chosen): Promise<ExitCode> {
  const { once, stages } = chosen
  const startedMs = systemRuntime.monotonicMs()
  const holder = nameProcess(systemRuntime)
  const bars = once && config.log.format === 'text' && process.stderr.isTTY ? showBars() : undefined
  const log = openLog(config.log, {
    runtime: systemRuntime,
    process: holder,
    writeLine: bars?.writeLine ?? note,
  })
  // Node ends the process after this; what is kept of the log is written then.
  process.on('uncaughtExceptionMonitor', error => sayFailure(log, error))
  // Whoever starts a batch sees its end.
  if (!once) sayStarted(log, config, stages)
  const report: Report = progress => {
    if (bars?.draw(progress) !== true) log.report(progress)
  }
  // Before anything is opened: the first process of a container would not hear a signal that nobody listens to.
  const ending = endOnSignal(config.limits.stopGraceMs, message => log.say('process.stopping', message))
  try {
    const code = await runConfig(config, { ...chosen, holder, log, report, ending })
    bars?.stop()
    if (!once)
      log.say('process.stopped', 'stopped', {
        duration_ms: Math.round(systemRuntime.monotonicMs() - startedMs),
      })
    return code
  } catch (error) {
    bars?.stop()
    sayFailure(log, error)
    return exitCodeOf(error)
  } finally {
    ending.close()
    await log.close()
  }
}

function sayStarted(log: Log, config: Config, stages: ReadonlySet<Stage>): void {
  const version = packageVersion()
  const [tables, patterns] = [config.tables.length, config.patterns.length]
  const names = [...stages].join(',')
  const declared = [
    ...(tables > 0 ? [counted(tables, 'table')] : []),
    ...(patterns > 0 ? [counted(patterns, 'pattern of tables', 'patterns of tables')] : []),
  ]
  const message = `tidewater ${version}: ${declared.join(' and ')}, stages ${names}`
  const { node } = process.versions
  log.say('process.started', message, { version, node, tables, patterns, stages: names })
}

function sayFailure(log: Log, error: unknown): void {
  const next = error instanceof AppError ? error.next : 'fatal'
  log.say('process.failed', errorText(error), { ...factsOf(error), next })
}

interface RunContext extends Chosen {
  readonly holder: string
  readonly log: Log
  readonly report: Report
  readonly ending: Ending
}

async function runConfig(config: Config, context: RunContext): Promise<ExitCode> {
  const { once, stages, holder, log, report, ending } = context
  let metrics: Metrics | undefined
  let meter: ConversionMeter | undefined
  const opened = await openParts(config, {
    runtime: systemRuntime,
    stages,
    holder,
    report: progress => {
      report(progress)
      metrics?.observe(progress)
      if (progress.kind === 'committed') meter?.add(Number(progress.bytesRead))
    },
  })
  const measured = createConversionMeter(systemRuntime, opened.workers)
  meter = measured
  const parts: Parts = {
    ...opened,
    convert: request => measured.during(() => opened.convert(request)),
  }
  try {
    if (!once) {
      metrics = createMetrics({ ...parts, meter: measured })
      const serving = { ...parts, metrics, stopping: ending.signal }
      const heartbeat = { version: packageVersion(), meter: measured }
      await serveWhile(serving, log, () => withHeartbeat(parts, heartbeat, () => runPipeline(parts, ending)))
      return EXIT.done
    }
    const reasons = await runOnce(parts, ending)
    for (const reason of reasons) log.say('batch.not_done', `not done: ${reason}`)
    return reasons.length === 0 ? EXIT.done : EXIT.failed
  } finally {
    await parts.close()
  }
}

/** The server answers until the last task has ended, so that a stop can be watched; it says at once that it is not ready for more. */
async function serveWhile(context: ServerContext, log: Log, body: () => Promise<void>): Promise<void> {
  const { listen } = context.config.server
  if (listen === undefined) return await body()
  const server = await openServer(context, listen)
  const { url } = server
  const served = context.stages.has('serve')
    ? `Iceberg REST catalog: ${url}/catalog · API: ${url}/api/v1`
    : 'health and metrics'
  log.say('server.listening', `server: ${url} · ${served}`, { url })
  try {
    await body()
  } finally {
    await server.close()
  }
}
