import { DEAD_LETTER_SUFFIX } from '../../../shared/config/table-name.ts'
import { auditTable } from '../../audit/audit-table.ts'
import { type AuditReport, isClean } from '../../audit/audit-tally.ts'
import { topicPlaceOf } from '../../dead-letter/topic-place.ts'
import { configuredTables } from '../../tables/pattern-tables.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, findNamed, withStores } from '../load-config-file.ts'
import { table as layOut, note, print, printJson } from '../terminal.ts'

const COLUMNS = [
  'rows',
  'dead_letters',
  'skipped',
  'absent',
  'gaps',
  'duplicates',
  'source_gaps',
  'unverifiable',
  'topic_records',
  'topic_gaps',
  'topic_duplicates',
] as const

export async function audit(
  options: ConfigOption & { readonly json?: boolean },
  ...names: string[]
): Promise<ExitCode> {
  return await withStores(options, async stores => {
    const { config, metadata, sources, warehouse } = stores
    const tables = configuredTables(config, await metadata.listTables())
    const wanted = names.length === 0 ? tables : names.map(name => findNamed('table', tables, name))
    const reports: AuditReport[] = []
    for (const table of wanted) {
      const { name, source: sourceName, metadataColumns } = table
      const rows = await metadata.loadTable(name)
      const deadLetters = await metadata.loadTable(name + DEAD_LETTER_SUFFIX)
      const source = sources.get(sourceName)
      if (rows === undefined || deadLetters === undefined || source === undefined) {
        note(`${name}: nothing to audit yet: tidewater run creates the table`)
        continue
      }
      reports.push(
        await auditTable(
          { metadata, source, warehouse },
          { rows, deadLetters, metadataColumns, topic: topicPlaceOf(stores, table) },
        ),
      )
    }
    if (options.json) printJson({ tables: reports })
    else printReports(reports)
    return reports.every(isClean) ? EXIT.done : EXIT.failed
  })
}

function printReports(reports: readonly AuditReport[]): void {
  print(
    layOut([
      ['table', ...COLUMNS],
      ...reports.map(report => [report.table, ...COLUMNS.map(column => report[column])]),
    ]),
  )
  for (const report of reports) for (const finding of report.findings) note(`${report.table}: ${finding}`)
}
