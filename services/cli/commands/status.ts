import {
  collectStatus,
  type PublicationStatus,
  type StatusReport,
  type TableStatus,
} from '../../status/collect-status.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, withStores } from '../load-config-file.ts'
import { table as layOut, print, printJson } from '../terminal.ts'
import { ageText, counted, durationText } from '../units.ts'

export async function status(options: ConfigOption & { readonly json?: boolean }): Promise<ExitCode> {
  return await withStores(options, async ({ metadata }) => {
    const report = await collectStatus(metadata)
    if (options.json) printJson(report)
    else if (report.tables.length === 0) print('No tables yet: tidewater run creates them.')
    else {
      for (const table of report.tables) print(describeTable(table, report.at_ms))
      print(describeProcesses(report))
    }
    return EXIT.done
  })
}

function describeTable(table: TableStatus, atMs: number): string {
  const { tasks } = table
  const lines = [
    `${table.name} · ${table.state}${table.state_reason === null ? '' : `: ${table.state_reason}`}`,
    `  ${table.rows} rows, ${table.dead_letters} dead letters, ${table.skipped} skipped, ${table.absent} absent, ${table.source_gaps} lost by the source`,
    `  ${table.data_files} files, ${table.size_bytes} bytes published; newest record ${age(table.newest_record_at_ms, atMs)}`,
    `  tasks: ${tasks.queued} queued, ${tasks.claimed} running, ${tasks.staged} staged, ${tasks.parked} parked`,
    ...table.parked_tasks.map(task => `  parked ${task.task_id}: ${task.message ?? ''} [${task.code ?? ''}]`),
    indent(
      layOut([
        ['partition', 'watermark', 'planned', 'source end', 'lag', 'state'],
        ...table.partitions.map(p => [
          `${p.topic}-${p.partition}`,
          p.committed_offset,
          p.planned_offset,
          p.source_end_offset,
          p.lag,
          stateText(p),
        ]),
      ]),
    ),
    ...table.publications.map(publicationText),
    ...topicText(table.dead_letter_topic),
  ]
  return lines.join('\n')
}

function describeProcesses({ processes, idle_stages, at_ms }: StatusReport): string {
  if (processes.length === 0) return 'no process runs'
  const lines = processes.map(process => {
    const { name, stages, conversions, utilisation, started_at_ms } = process
    const work =
      conversions === 0
        ? ''
        : `, ${counted(conversions, 'conversion')} ${Math.round(utilisation * 100)}% busy`
    return `process ${name}: ${stages.join(',')}${work}, started ${durationText(Math.max(0, at_ms - started_at_ms))} ago`
  })
  return [...lines, ...idle_stages.map(stage => `no process runs the stage ${stage}`)].join('\n')
}

function publicationText(publication: PublicationStatus): string {
  const shown = publication.snapshot_id === null ? 'no snapshot yet' : `snapshot ${publication.snapshot_id}`
  const isFailing = publication.error_message !== null && publication.state !== 'published'
  const lines = [
    `  catalog ${publication.catalog}: ${publication.state}, ${shown}${publication.current ? '' : ' (not the newest)'}`,
    ...(publication.metadata_location === null ? [] : [`    ${publication.metadata_location}`]),
    ...(isFailing ? [`    ${publication.error_message} [${publication.error_code ?? ''}]`] : []),
  ]
  return lines.join('\n')
}

/** Nothing for a table that never had a dead letter. */
function topicText(topic: TableStatus['dead_letter_topic']): readonly string[] {
  if (topic === null || topic.end_offset === 0n) return []
  const { rendered_offset, end_offset, error_code, error_message } = topic
  const progress = rendered_offset === end_offset ? '' : `, ${rendered_offset} of them written`
  const problem = error_message === null ? '' : `\n    ${error_message} [${error_code ?? ''}]`
  return [`  dead letters in topic ${topic.topic}: ${end_offset}${progress}\n    ${topic.url}${problem}`]
}

function stateText(partition: TableStatus['partitions'][number]): string {
  const { state, state_code, state_reason, stalled } = partition
  if (state_reason !== null) return `${state} [${state_code ?? ''}]: ${state_reason}`
  return stalled ? `${state}, stalled` : state
}

function age(atMs: number | null, nowMs: number): string {
  return atMs === null ? 'none' : ageText(nowMs - atMs)
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
