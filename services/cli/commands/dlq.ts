import type { ColumnValue } from '../../../shared/columns/column-values.ts'
import { DEAD_LETTER_SUFFIX } from '../../../shared/config/table-name.ts'
import type { MetadataStore, TableDetail } from '../../../shared/metadata/metadata-store.ts'
import { invariant } from '../../../shared/runtime/errors.ts'
import { deadLetterJson, isoTime } from '../../dead-letter/dead-letter-json.ts'
import { type DeadLetterGroup, groupDeadLetters } from '../../dead-letter/group-dead-letters.ts'
import { type DeadLetterRow, readDeadLetters } from '../../dead-letter/read-dead-letters.ts'
import { utf8Text } from '../../segment-tools/bytes-field.ts'
import { type DeadLetterTopicStatus, topicStatus } from '../../status/collect-status.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, findNamed, withStores } from '../load-config-file.ts'
import { table as layOut, print, printJson } from '../terminal.ts'

/** Keys and values are cut to this many characters on a terminal; `--json` shows them whole. */
const MAX_SHOWN_CHARACTERS = 200

export async function dlqLs(
  options: ConfigOption & { readonly json?: boolean },
  ...names: string[]
): Promise<ExitCode> {
  return await withStores(options, async ({ metadata }) => {
    const tables = await rowTables(metadata)
    const wanted = names.length === 0 ? tables : names.map(name => findNamed('table', tables, name))
    const groups: DeadLetterGroup[] = []
    const topics: Topic[] = []
    for (const table of wanted) {
      groups.push(...(await groupDeadLetters(metadata, table)))
      topics.push(...(await topicsOf(metadata, table.name)))
    }
    if (options.json) printJson({ dead_letters: groups, topics })
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
      for (const topic of topics) print(describeTopic(topic))
    }
    return EXIT.done
  })
}

interface Topic extends DeadLetterTopicStatus {
  readonly table: string
}

/** None for a table that never had a dead letter. */
async function topicsOf(metadata: MetadataStore, table: string): Promise<readonly Topic[]> {
  const deadLetters = await metadata.loadTable(table + DEAD_LETTER_SUFFIX)
  const topic =
    deadLetters === undefined ? null : topicStatus(await metadata.loadDeadLetterTopic(deadLetters.tableId))
  return topic === null || topic.end_offset === 0n ? [] : [{ table, ...topic }]
}

function describeTopic(shown: Topic): string {
  const { topic, url, start_offset, end_offset, rendered_offset, error_message } = shown
  const range =
    start_offset === rendered_offset ? 'empty' : `offsets ${start_offset} to ${rendered_offset - 1n}`
  const missing = end_offset - rendered_offset
  const why = error_message === null ? '' : `: ${error_message}`
  return `topic ${topic} at ${url}: ${range}${missing === 0n ? '' : `, ${missing} more to be written${why}`}`
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
      if (options.json) printJson(deadLetterJson(row))
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
    `${row.topic}-${row.partition} offset ${row.offset} at ${isoTime(row.timestamp)}`,
    `  ${row.error_code}: ${row.error_message}`,
    `  key   ${bytesText(row.key)}`,
    `  value ${bytesText(row.value)}`,
  ].join('\n')
}

function bytesText(bytes: ColumnValue | undefined): string {
  if (!(bytes instanceof Uint8Array)) return 'null'
  const text = utf8Text(bytes)
  const shown = text === undefined ? `base64 ${Buffer.from(bytes).toString('base64')}` : JSON.stringify(text)
  return shown.length > MAX_SHOWN_CHARACTERS
    ? `${shown.slice(0, MAX_SHOWN_CHARACTERS)}… (${bytes.length} bytes)`
    : shown
}
