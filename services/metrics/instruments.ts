/** The instruments that this process counts with, made from the table of metrics. Names and labels are checked where they are used. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { invariant } from '../../shared/runtime/errors.ts'
import { type LabelsOf, METRICS, type MetricName } from './metric-table.ts'

export interface Instruments {
  add<N extends MetricName<'counter'>>(name: N, labels: LabelsOf<N>, amount: number): void
  observe<N extends MetricName<'histogram'>>(name: N, labels: LabelsOf<N>, seconds: number): void
}

/** `gauges` are asked at each scrape. */
export function makeInstruments(
  registry: Registry,
  gauges: Readonly<Record<string, () => number>> = {},
): Instruments {
  const counters = new Map<string, Counter>()
  const histograms = new Map<string, Histogram>()
  for (const metric of METRICS) {
    if (metric.from === 'database') continue
    const { name, help } = metric
    const options = { name, help, labelNames: [...metric.labels], registers: [registry] }
    if (metric.type === 'counter') counters.set(name, new Counter(options))
    else if (metric.type === 'gauge') {
      const read = gauges[name]
      new Gauge({
        ...options,
        collect() {
          if (read !== undefined) this.set(read())
        },
      })
    } else histograms.set(name, new Histogram({ ...options, buckets: [...metric.buckets] }))
  }
  return {
    add: (name, labels, amount) => made(counters, name).inc(labels, amount),
    observe: (name, labels, seconds) => made(histograms, name).observe(labels, seconds),
  }
}

function made<T>(instruments: ReadonlyMap<string, T>, name: string): T {
  const instrument = instruments.get(name)
  invariant(instrument !== undefined, `there is no such instrument: ${name}`)
  return instrument
}
