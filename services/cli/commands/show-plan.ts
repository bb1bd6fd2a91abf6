/** `plan`: what the next run would make of the configuration, as a diff. Nothing is changed, and no database is created. */
import { styleText } from 'node:util'
import { type Config, storeOptionsOf } from '../../../shared/config/config.ts'
import { placeOf } from '../../../shared/metadata/postgres/address.ts'
import { openPostgresPreview } from '../../../shared/metadata/postgres/preview.ts'
import { openSqlitePreview } from '../../../shared/metadata/sqlite/preview.ts'
import { openObjectStore } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'
import { loadKnownState } from '../../tables/known-state.ts'
import { isChange, planChanges, type TablePlan } from '../../tables/plan-changes.ts'
import { listWaiting, type WaitingSource } from '../../tables/waiting-source.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, withConfig } from '../load-config-file.ts'
import { type PlanReport, planLines } from '../plan-text.ts'
import { note, print, printJson } from '../terminal.ts'

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
  try {
    const plans = planChanges(config, await loadKnownState(preview.metadata))
    const tables = []
    for (const table of plans) tables.push({ ...table, waiting: await waitingFor(config, table) })
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
    }
  } finally {
    await preview.close()
  }
}

/** Only for a table to be created. A source that cannot be listed is no reason not to plan. */
async function waitingFor(
  config: Config,
  { action, table: name }: TablePlan,
): Promise<WaitingSource | { readonly error: string } | null> {
  const table = config.tables.find(known => known.name === name)
  const source = config.sources.find(known => known.name === table?.source)
  if (action !== 'create' || table === undefined || source === undefined) return null
  const runtime = systemRuntime
  const store = openObjectStore(source.url, { ...storeOptionsOf(source), runtime })
  try {
    return await listWaiting({ store, table, nowMs: runtime.nowMs(), settleMs: source.segmentSettleMs })
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  } finally {
    await store.close()
  }
}
