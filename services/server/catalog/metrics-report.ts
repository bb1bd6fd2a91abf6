/**
 * Reports of scans, as the specification's ReportMetricsRequest has them. What is kept of one is bounded, whatever was sent.
 * Reports of commits are checked and not kept: nobody commits through this catalog.
 */
import { z } from 'zod'
import { exactInteger, stringifyExactJson } from '../../../shared/iceberg/exact-json.ts'
import type { NewScanReport } from '../../../shared/metadata/metadata-store.ts'
import { refusal } from './catalog-error.ts'

const MAX_FILTER_CHARACTERS = 4000
const MAX_FIELDS = 200
const MAX_TEXT_CHARACTERS = 200
/** Metrics in a report; Java engines send seventeen. */
const MAX_METRICS = 200
/** Levels of an expression. Deeper ones are no filter that a person wrote, and JSON can be nested until a parser's stack ends. */
const MAX_FILTER_DEPTH = 100
const MAX_LONG = 2n ** 63n - 1n

const long = z.unknown().transform((value, context) => {
  const exact = exactInteger(value)
  if (exact !== undefined && exact >= -MAX_LONG - 1n && exact <= MAX_LONG) return exact
  context.addIssue({ code: 'custom', message: 'expected a 64-bit integer' })
  return z.NEVER
})
const count = long.refine(value => value >= 0n, { message: 'expected 0 or more' })
const counterSchema = z.object({ unit: z.string(), value: count })
const timerSchema = z.object({ 'time-unit': z.string(), count, 'total-duration': count })
const metricsSchema = z
  .record(z.string(), z.union([counterSchema, timerSchema]))
  .refine(metrics => Object.keys(metrics).length <= MAX_METRICS, {
    message: `expected at most ${MAX_METRICS} metrics`,
  })
/** Absent and null are the same to many a JSON writer. */
const textsSchema = z.record(z.string(), z.string()).nullish()

const scanSchema = z.object({
  'report-type': z.literal('scan-report'),
  'table-name': z.string(),
  'snapshot-id': long,
  filter: z
    .union([z.boolean(), z.record(z.string(), z.unknown())])
    .refine(filter => isNoDeeper(filter, MAX_FILTER_DEPTH), { message: 'expected a filter of fewer levels' }),
  'schema-id': z.int32(),
  'projected-field-ids': z.array(z.int32()),
  'projected-field-names': z.array(z.string()),
  metrics: metricsSchema,
  metadata: textsSchema,
})
const commitSchema = z.object({
  'report-type': z.literal('commit-report'),
  'table-name': z.string(),
  'snapshot-id': long,
  'sequence-number': long,
  operation: z.string(),
  metrics: metricsSchema,
  metadata: textsSchema,
})
const reportSchema = z.discriminatedUnion('report-type', [scanSchema, commitSchema])
type Scan = z.infer<typeof scanSchema>

/** What is to be kept of the report, or nothing. `userAgent` stands for an engine that does not say its name. */
export function scanReportOf(
  body: unknown,
  userAgent: string | undefined,
): Omit<NewScanReport, 'tableId' | 'catalog'> | undefined {
  const parsed = reportSchema.safeParse(body)
  if (!parsed.success) {
    throw refusal('catalog-bad-request', `The body is no report of metrics: ${z.prettifyError(parsed.error)}`)
  }
  const report = parsed.data
  if (report['report-type'] !== 'scan-report') return undefined
  return {
    snapshotId: report['snapshot-id'],
    schemaId: report['schema-id'],
    filter: cut(stringifyExactJson(report.filter), MAX_FILTER_CHARACTERS),
    projectedFields: report['projected-field-names']
      .slice(0, MAX_FIELDS)
      .map(name => cut(name, MAX_TEXT_CHARACTERS)),
    ...present('engine', engineOf(report, userAgent)),
    ...present('planningDurationUs', planningDurationOf(report)),
    ...present('resultFiles', counter(report, 'result-data-files')),
    ...present('resultBytes', counter(report, 'total-file-size-in-bytes')),
    ...present('skippedFiles', counter(report, 'skipped-data-files')),
    ...present('skippedManifests', counter(report, 'skipped-data-manifests')),
  }
}

/** Spark and Flink say their name and version; other clients only what they are in HTTP. */
function engineOf({ metadata }: Scan, userAgent: string | undefined): string | undefined {
  const said = [metadata?.['engine-name'], metadata?.['engine-version']].filter(part => part !== undefined)
  const engine = said.length > 0 ? said.join(' ') : userAgent
  return engine === undefined ? undefined : cut(engine, MAX_TEXT_CHARACTERS)
}

function counter({ metrics }: Scan, name: string): bigint | undefined {
  const metric = Object.hasOwn(metrics, name) ? metrics[name] : undefined
  return metric !== undefined && 'value' in metric ? metric.value : undefined
}

/** The names of Java's TimeUnit. */
const NANOSECONDS: Readonly<Record<string, bigint>> = {
  nanoseconds: 1n,
  microseconds: 1000n,
  milliseconds: 1_000_000n,
  seconds: 1_000_000_000n,
  minutes: 60_000_000_000n,
  hours: 3_600_000_000_000n,
  days: 86_400_000_000_000n,
}

function planningDurationOf({ metrics }: Scan): bigint | undefined {
  const timer = metrics['total-planning-duration']
  if (timer === undefined || !('time-unit' in timer)) return undefined
  const unit = timer['time-unit'].toLowerCase()
  const factor = Object.hasOwn(NANOSECONDS, unit) ? NANOSECONDS[unit] : undefined
  const micros = factor === undefined ? undefined : (timer['total-duration'] * factor) / 1000n
  return micros === undefined || micros > MAX_LONG ? undefined : micros
}

function isNoDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every(part => isNoDeeper(part, levels - 1))
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}…`
}

function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  // A computed key widens to `string`; the type above states the one key that there is.
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }
}
