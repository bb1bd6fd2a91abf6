/** Reads Prometheus' text format, as far as tests look at it. */

export interface ExposedSeries {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Exposition {
  /** By metric, as `# TYPE` lines say. */
  readonly types: ReadonlyMap<string, string>
  readonly series: readonly ExposedSeries[]
  /** The value of the one series that has these labels, among others. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
}

export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>()
  const series: ExposedSeries[] = []
  for (const line of text.split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (name !== undefined && type !== undefined) types.set(name, type)
    if (line !== '' && !line.startsWith('#')) series.push(parseSeries(line))
  }
  return {
    types,
    series,
    value(name, labels = {}) {
      const found = series.filter(
        one =>
          one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value),
      )
      if (found.length > 1) throw new Error(`${name} ${JSON.stringify(labels)} is ${found.length} series`)
      return found[0]?.value
    },
  }
}

function parseSeries(line: string): ExposedSeries {
  const { name, labels, value } =
    /^(?<name>[\w:]+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)?.groups ?? {}
  if (name === undefined || value === undefined) throw new Error(`not a series: ${line}`)
  const pairs = [...(labels ?? '').matchAll(/(?<label>\w+)="(?<text>(?:[^"\\]|\\.)*)"/g)]
  return {
    name,
    labels: Object.fromEntries(pairs.map(({ groups }) => [groups?.label ?? '', groups?.text ?? ''])),
    value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
  }
}
