import type { ColumnValue } from '../../../shared/columns/column-values.ts'
import type { DeadLetterBatch, MetadataStore, TableDetail } from '../../../shared/metadata/metadata-store.ts'
import { invariant } from '../../../shared/runtime/errors.ts'
import { type DeadLetterRow, readDeadLetters } from '../../dead-letter/read-dead-letters.ts'
import { bytesField, utf8Text } from '../../segment-tools/bytes-field.ts'
import { DEAD_LETTER_SUFFIX } from '../../tables/declare-table.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, findNamed, withStores } from '../load-config-file.ts'
import { table as layOut, print, printJson } from '../terminal.ts'

/** Batches looked at by `dlq ls`; a table with more shows its newest. */
const MAX_BATCHES = 100_000
/** Keys and values are cut to this many characters on a terminal; `--json` shows them whole. */
const MAX_SHOWN_CHARACTERS = 200

interface Group {
  readonly table: string
  readonly topic: string
  readonly partition: number
  readonly error_code: string
  count: bigint
  first_offset: bigint
  last_offset: bigint
  readonly sample_message: string
}

export async function dlqLs(
  options: ConfigOption & { readonly json?: boolean },
  ...names: string[]
): Promise<ExitCode> {
  return await withStores(options, async ({ metadata }) => {
    const tables = await rowTables(metadata)
    const wanted = names.length === 0 ? tables : names.map(name => findNamed('table', tables, name))
    const groups: Group[] = []
    for (const table of wanted) groups.push(...groupBatches(table.name, await openBatches(metadata, table)))
    if (options.json) printJson({ dead_letters: groups })
    else if (groups.length === 0) print('No dead letters.')
    else {
      const rows = groups.map(group => [
        group.table,
        `${group.topic}-${group.partition}`,
        group.error_code,
        group.count,
        group.first_offset,
        group.last_offset,
        group.sample_message,
      ])
      print(
        layOut([
          ['table', 'partition', 'code', 'count', 'first offset', 'last offset', 'for example'],
          ...rows,
        ]),
      )
    }
    return EXIT.done
  })
}

/** Without those that retention has removed. */
async function openBatches(
  metadata: MetadataStore,
  { tableId }: TableDetail,
): Promise<readonly DeadLetterBatch[]> {
  const batches = await metadata.listDeadLetters(tableId, MAX_BATCHES)
  return batches.filter(batch => batch.purgedAtMs === undefined)
}

function groupBatches(table: string, batches: readonly DeadLetterBatch[]): readonly Group[] {
  const groups = new Map<string, Group>()
  for (const { topic, partition, code, count, firstOffset, lastOffset, sampleMessage } of batches) {
    const key = `${topic}\0${partition}\0${code}`
    const group = groups.get(key)
    if (group === undefined) {
      groups.set(key, {
        table,
        topic,
        partition,
        error_code: code,
        count,
        first_offset: firstOffset,
        last_offset: lastOffset,
        sample_message: sampleMessage,
      })
      continue
    }
    group.count += count
    if (firstOffset < group.first_offset) group.first_offset = firstOffset
    if (lastOffset > group.last_offset) group.last_offset = lastOffset
  }
  return [...groups.values()].sort((a, b) => (a.count < b.count ? 1 : a.count > b.count ? -1 : 0))
}

interface ShowOptions extends ConfigOption {
  readonly limit: number
  readonly code?: string
  readonly json?: boolean
}

export async function dlqShow(options: ShowOptions, name: string): Promise<ExitCode> {
  return await withStores(options, async ({ metadata, warehouse }) => {
    const table = findNamed('table', await rowTables(metadata), name)
    const deadLetters = await metadata.loadTable(table.name + DEAD_LETTER_SUFFIX)
    invariant(deadLetters !== undefined, `table ${name} has a dead-letter table`)
    let shown = 0
    for await (const row of readDeadLetters({ metadata, warehouse }, deadLetters)) {
      if (shown === options.limit) break
      if (options.code !== undefined && row.error_code !== options.code) continue
      shown++
      if (options.json) printJson(asJson(row))
      else print(describe(row))
    }
    if (shown === 0 && !options.json) print('No dead letters.')
    return EXIT.done
  })
}

async function rowTables(metadata: MetadataStore): Promise<readonly TableDetail[]> {
  return (await metadata.listTables()).filter(table => table.kind === 'rows')
}

function describe(row: DeadLetterRow): string {
  return [
    `${row.topic}-${row.partition} offset ${row.offset} at ${timeText(row.timestamp)}`,
    `  ${row.error_code}: ${row.error_message}`,
    `  key   ${bytesText(row.key)}`,
    `  value ${bytesText(row.value)}`,
  ].join('\n')
}

function timeText(micros: ColumnValue | undefined): string {
  return typeof micros === 'bigint' ? new Date(Number(micros / 1000n)).toISOString() : '?'
}

function bytesText(bytes: ColumnValue | undefined): string {
  if (!(bytes instanceof Uint8Array)) return 'null'
  const text = utf8Text(bytes)
  const shown = text === undefined ? `base64 ${Buffer.from(bytes).toString('base64')}` : JSON.stringify(text)
  return shown.length > MAX_SHOWN_CHARACTERS
    ? `${shown.slice(0, MAX_SHOWN_CHARACTERS)}… (${bytes.length} bytes)`
    : shown
}

/** As `segment cat` writes records: bytes under their own name where they are UTF-8, else as base64 under `<name>_base64`. Times are ISO 8601. */
function asJson(row: DeadLetterRow): Readonly<Record<string, unknown>> {
  return { ...jsonFields(row), timestamp: timeText(row.timestamp), failed_at: timeText(row.failed_at) }
}

function jsonFields(fields: Readonly<Record<string, ColumnValue>>): Readonly<Record<string, unknown>> {
  const shown = Object.entries(fields).map(([name, value]) =>
    value instanceof Uint8Array ? bytesField(name, value) : { [name]: jsonValue(value) },
  )
  return Object.assign({}, ...shown)
}

function jsonValue(value: ColumnValue): unknown {
  if (Array.isArray(value)) return value.map(jsonValue)
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array))
    return jsonFields(value as Readonly<Record<string, ColumnValue>>)
  return value
}
