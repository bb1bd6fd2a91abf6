/**
 * The metrics of one process, in Prometheus' text format: what the database knows, read at the scrape by processes that serve, and what
 * this process did, counted as it reports it. A database that does not answer costs only its own metrics. Nothing is kept across restarts.
 */
import { collectDefaultMetrics, Registry } from 'prom-client'
import { type Parts, problemOf } from '../parts.ts'
import type { Progress } from '../progress.ts'
import type { ConversionMeter } from '../scaling/conversion-meter.ts'
import { makeInstruments } from './instruments.ts'
import { observeProgress } from './observe-progress.ts'
import { renderSamples, type Sample } from './render-samples.ts'
import { samplesOf } from './samples.ts'
import { scalingSamples } from './scaling-samples.ts'

/** Scrapes within this time share one pass over the database, so that scraping cannot be used as load. */
const FIGURES_FRESH_MS = 5_000

export type MetricsContext = Pick<Parts, 'config' | 'metadata' | 'runtime' | 'stages' | 'report'> & {
  /** Of the conversions of this process; without it there are none. */
  readonly meter?: Pick<ConversionMeter, 'utilisation'>
}

export interface Metrics {
  /** Takes what a pipeline reports (`Parts.report`). */
  observe(progress: Progress): void
  /** Never rejects because of the database: `tidewater_metadata_readable` says that it did not answer. */
  text(): Promise<string>
  readonly contentType: string
}

export function createMetrics(context: MetricsContext): Metrics {
  const { config, metadata, runtime, stages } = context
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const utilisation = () => context.meter?.utilisation() ?? 0
  const instruments = makeInstruments(registry, { tidewater_worker_utilisation: utilisation })
  const reportFailure = problemOf(context, 'reading metrics')
  let read: { readonly text: string; readonly atMs: number } | undefined
  let underWay: Promise<string> | undefined

  async function render(): Promise<string> {
    if (read === undefined || runtime.monotonicMs() - read.atMs >= FIGURES_FRESH_MS) {
      const text = renderSamples(await readSamples())
      read = { text, atMs: runtime.monotonicMs() }
    }
    return `${read.text}${await registry.metrics()}`
  }

  async function readDatabase(): Promise<readonly Sample[]> {
    const tables = samplesOf(await metadata.readFigures())
    return [...tables, ...scalingSamples(await metadata.readScaling(), config.scaling)]
  }

  async function readSamples(): Promise<readonly Sample[]> {
    // A scrape of every one of many workers would ask the same questions.
    if (!stages.has('serve')) return []
    const startedMs = runtime.monotonicMs()
    const samples = await readDatabase().catch((error: unknown) => {
      reportFailure(error)
      return undefined
    })
    const value = (runtime.monotonicMs() - startedMs) / 1000
    return [
      ...(samples ?? []),
      { name: 'tidewater_metadata_readable', labels: {}, value: samples === undefined ? 0 : 1 },
      { name: 'tidewater_metadata_read_duration_seconds', labels: {}, value },
    ]
  }

  return {
    contentType: registry.contentType,
    observe: progress => observeProgress(instruments, progress),
    // Scrapes at one time share one answer, and with it one pass.
    text: () => {
      underWay ??= render().finally(() => {
        underWay = undefined
      })
      return underWay
    },
  }
}
