/** `plan`: what the next run would make of the configuration, as a diff. Nothing is changed, and no database is created. */
import { styleText } from 'node:util'
import { type Config, storeOptionsOf, type TableConfig } from '../../../shared/config/config.ts'
import { patternOf } from '../../../shared/config/expand-patterns.ts'
import { placeOf } from '../../../shared/metadata/postgres/address.ts'
import { openPostgresPreview } from '../../../shared/metadata/postgres/preview.ts'
import { openSqlitePreview } from '../../../shared/metadata/sqlite/preview.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { mapBounded } from '../../../shared/runtime/map-bounded.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { findTopics } from '../../tables/find-topics.ts'
import { loadKnownState } from '../../tables/known-state.ts'
import { isChange, planChanges, type TablePlan } from '../../tables/plan-changes.ts'
import { listWaiting, type WaitingSource } from '../../tables/waiting-source.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, withConfig } from '../load-config-file.ts'
import { type PlanReport, planLines } from '../plan-text.ts'
import { note, print, printJson } from '../terminal.ts'

/** Topics whose partitions are listed at once. */
const MAX_CONCURRENT_TOPICS = 4

interface PlanOptions extends ConfigOption {
  readonly json?: boolean
  readonly exitCode?: boolean
}

export async function showPlan(options: PlanOptions): Promise<ExitCode> {
  return await withConfig(options, async config => {
    const report = await planReport(config)
    if (options.json) printJson(report)
    else for (const { sign, text } of planLines(report)) print(colored(sign, `${sign} ${text}`.trimEnd()))
    const refusals = report.tables.flatMap(({ refusal }) => refusal ?? [])
    for (const { code, message } of refusals) note(`tidewater: ${message} [${code}]`)
    if (refusals.length > 0) return EXIT.usage
    return options.exitCode && report.changes > 0 ? EXIT.changes : EXIT.done
  })
}

const COLORS = { '+': 'green', '~': 'yellow', '-': 'red', '!': 'red' } as const

function colored(sign: string, line: string): string {
  const color = Object.entries(COLORS).find(([known]) => known === sign)?.[1]
  return color === undefined ? line : styleText(color, line, { stream: process.stdout })
}

async function planReport(config: Config): Promise<PlanReport> {
  const { metadata } = config
  const preview =
    metadata.kind === 'sqlite'
      ? await openSqlitePreview(metadata.path)
      : await openPostgresPreview(metadata.address)
  const sources = new Map(
    config.sources.map(source => [
      source.name,
      openObjectStore(source.url, { ...storeOptionsOf(source), runtime: systemRuntime }),
    ]),
  )
  try {
    const known = await loadKnownState(preview.metadata)
    const { listing, existing, appeared, refused } = await findTopics(config, known, sources)
    const patterned = [...existing, ...appeared]
    const planned = { ...config, tables: [...config.tables, ...patterned] }
    const plans = planChanges(planned, known)
    const tables = await mapBounded(plans, MAX_CONCURRENT_TOPICS, async plan => ({
      ...plan,
      pattern: templateOf(config, patterned, plan),
      waiting: await waitingFor(planned, plan, sources),
    }))
    const exists = preview.metadata !== undefined
    const changes = plans.filter(isChange).length + (preview.migrations.length > 0 ? 1 : 0)
    return {
      database: {
        path: metadata.kind === 'sqlite' ? metadata.path : placeOf(metadata.address),
        exists,
        migrations: preview.migrations,
      },
      changes,
      tables,
      refused_topics: refused,
      unlisted_sources: listing.failures.map(({ source, error }) => ({ source, error: messageOf(error) })),
    }
  } finally {
    for (const store of sources.values()) await store.close()
    await preview.close()
  }
}

type OpenSources = ReadonlyMap<string, ObjectStore>

function templateOf(
  config: Config,
  patterned: readonly TableConfig[],
  { table: name }: TablePlan,
): string | null {
  const table = patterned.find(known => known.name === name)
  if (table === undefined) return null
  return patternOf(config, { source: table.source, topic: table.sourceTopic })?.pattern.name ?? null
}

/** Only for a table to be created. A source that cannot be listed is no reason not to plan. */
async function waitingFor(
  config: Config,
  { action, table: name }: TablePlan,
  sources: OpenSources,
): Promise<WaitingSource | { readonly error: string } | null> {
  if (action !== 'create') return null
  const table = config.tables.find(known => known.name === name)
  const source = config.sources.find(known => known.name === table?.source)
  const store = sources.get(source?.name ?? '')
  if (table === undefined || source === undefined || store === undefined) return null
  try {
    const nowMs = systemRuntime.nowMs()
    return await listWaiting({ store, table, nowMs, settleMs: source.segmentSettleMs })
  } catch (error) {
    return { error: messageOf(error) }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
