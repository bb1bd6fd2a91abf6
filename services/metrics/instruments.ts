/** The instruments of one process, made from the table of metrics. Names, labels and types are checked where they are used. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { invariant } from '../../shared/runtime/errors.ts'
import { type LabelsOf, METRICS, type MetricName } from './metric-table.ts'

export interface Instruments {
  /** Adds to a counter of this process. */
  add<N extends MetricName<'counter'>>(name: N, labels: LabelsOf<N>, amount: number): void
  observe<N extends MetricName<'histogram'>>(name: N, labels: LabelsOf<N>, seconds: number): void
  /** Puts `samples` in the place of all series of all metrics that are read from the database. */
  replaceRead(samples: readonly Sample[]): void
}

/** One series of a metric that is read from the database. */
export type Sample = {
  [N in MetricName<'gauge' | 'counter'>]: {
    readonly name: N
    readonly labels: LabelsOf<N>
    readonly value: number
  }
}[MetricName<'gauge' | 'counter'>]

export function makeInstruments(registry: Registry): Instruments {
  const counters = new Map<string, Counter>()
  const gauges = new Map<string, Gauge>()
  const histograms = new Map<string, Histogram>()
  for (const metric of METRICS) {
    const options = {
      name: metric.name,
      help: metric.help,
      labelNames: [...metric.labels],
      registers: [registry],
    }
    if (metric.type === 'counter') counters.set(metric.name, new Counter(options))
    else if (metric.type === 'gauge') gauges.set(metric.name, new Gauge(options))
    else histograms.set(metric.name, new Histogram({ ...options, buckets: [...metric.buckets] }))
  }
  const read = METRICS.filter(({ from }) => from === 'database').map(({ name }) => name)

  return {
    add: (name, labels, amount) => made(counters, name).inc(labels, amount),
    observe: (name, labels, seconds) => made(histograms, name).observe(labels, seconds),
    replaceRead(samples) {
      for (const name of read) (counters.get(name) ?? made(gauges, name)).reset()
      // Each counter of the database was just reset, so adding sets it.
      for (const { name, labels, value } of samples)
        (counters.get(name) ?? made(gauges, name)).inc(labels, value)
    },
  }
}

function made<T>(instruments: ReadonlyMap<string, T>, name: string): T {
  const instrument = instruments.get(name)
  invariant(instrument !== undefined, `there is no such instrument: ${name}`)
  return instrument
}
