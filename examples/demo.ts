/**
 * `npm run demo`: topics that a real broker landed become Iceberg tables in a folder that it names and leaves there, and it says what
 * happened; with `--serve` it stays up as a catalog for query engines. Everything is done by the parts that `tidewater run --once`, `audit` and `dlq` are made of.
 */
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { auditTable } from '../services/audit/audit-table.ts'
import { isClean } from '../services/audit/audit-tally.ts'
import { onStopSignal } from '../services/cli/stop-signal.ts'
import { readDeadLetters } from '../services/dead-letter/read-dead-letters.ts'
import { topicPlaceOf } from '../services/dead-letter/topic-place.ts'
import { createMetrics } from '../services/metrics/metrics.ts'
import { openParts, type Parts } from '../services/parts.ts'
import { runOnce, runPipeline } from '../services/pipeline.ts'
import { connectLines } from '../services/server/connect-lines.ts'
import { openServer } from '../services/server/server.ts'
import { ALL_STAGES } from '../services/stages.ts'
import { collectStatus, type TableStatus } from '../services/status/collect-status.ts'
import { liveFiles } from '../services/tables/live-files.ts'
import type { Config } from '../shared/config/config.ts'
import { formatConfigErrors } from '../shared/config/config-error.ts'
import { loadConfig } from '../shared/config/load-config.ts'
import { DEAD_LETTER_SUFFIX } from '../shared/config/table-name.ts'
import { parquetSource } from '../shared/parquet/object-source.ts'
import { readParquetColumns } from '../shared/parquet/read-parquet.ts'
import { AppError, invariant } from '../shared/runtime/errors.ts'
import { systemRuntime } from '../shared/runtime/system-runtime.ts'

const CLONE = join(import.meta.dirname, '..')
const FOLDER = join(CLONE, 'tidewater-demo')
const LOOPBACK = '127.0.0.1'
const CATALOG_PORT = 8181
const SHOWN_ROWS = 3
const SHOWN_DEAD_LETTERS = 4

const say = (text = '') => console.log(text)

async function demo(): Promise<number> {
  const config = await freshConfig()
  say(`Tidewater demo. Tables are written to ${relative(process.cwd(), FOLDER) || FOLDER}/ and stay there.\n`)
  const parts = await openParts(config, {
    runtime: systemRuntime,
    stages: ALL_STAGES,
    report: () => undefined,
  })
  try {
    await describeSource(parts)
    const startedMs = systemRuntime.monotonicMs()
    const reasons = await runOnce(parts, { signal: new AbortController().signal })
    const seconds = ((systemRuntime.monotonicMs() - startedMs) / 1000).toFixed(1)
    say(`\n2. One run: discovered, planned, converted, committed and published in ${seconds} s.`)
    for (const reason of reasons) say(`   NOT DONE: ${reason}`)
    const { tables } = await collectStatus(parts.metadata)
    for (const table of tables) describeTable(table)
    await describeRows(parts)
    await describeDeadLetters(parts)
    const clean = await describeAudit(parts)
    describeNext(tables)
    if (process.argv.includes('--serve')) await serve(parts)
    return reasons.length === 0 && clean ? 0 : 1
  } finally {
    await parts.close()
  }
}

/** Goes on as `tidewater run` does, with the catalog at its usual port or, where that is taken, at a free one, until Ctrl-C. */
async function serve(parts: Parts): Promise<void> {
  const stop = new AbortController()
  onStopSignal(() => stop.abort())
  const metrics = createMetrics(parts)
  const context = { ...parts, metrics, stopping: stop.signal }
  const server = await openServer(context, { host: LOOPBACK, port: CATALOG_PORT }).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'server-listen-failed')
      return openServer(context, { host: LOOPBACK, port: 0 })
    throw error
  })
  try {
    describeConnections(parts.config, server.url)
    await runPipeline({ ...parts, report: progress => metrics.observe(progress) }, stop)
  } finally {
    await server.close()
  }
}

function describeConnections({ catalogs, warehouse }: Config, url: string): void {
  const [catalog] = catalogs
  invariant(catalog !== undefined, 'the demo has a catalog')
  say(
    `\nServing ${url} until Ctrl-C: the Iceberg REST catalog at ${url}/catalog, status at ${url}/api/v1/status.`,
  )
  const connection = {
    uri: `${url}/catalog`,
    warehouse: catalog.name,
    store: warehouse,
    table: 'shop.orders',
  }
  for (const { engine, where, lines } of connectLines(connection)) {
    say(`\n${engine}, ${where}:`)
    for (const line of lines) say(line)
  }
}

async function freshConfig(): Promise<Config> {
  const path = join(FOLDER, 'tidewater.yaml')
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(FOLDER)
  await copyFile(join(import.meta.dirname, 'demo.yaml'), path)
  const loaded = loadConfig(await readFile(path, 'utf8'), { path, env: process.env })
  if (loaded.kind === 'errors') throw new Error(formatConfigErrors(path, loaded.errors))
  return loaded.config
}

async function describeSource({ config, sources }: Parts): Promise<void> {
  say('1. What the broker landed (KafScale, with Java and Go clients):')
  for (const { name, source: sourceName, sourceTopic } of config.tables) {
    const source = sources.get(sourceName)
    invariant(source !== undefined, `the source ${sourceName} is open`)
    let segments = 0
    let bytes = 0
    for await (const object of source.list({ prefix: `${sourceTopic}/` })) {
      if (!object.key.endsWith('.kfs')) continue
      segments++
      bytes += object.sizeBytes
    }
    say(`   topic ${sourceTopic.padEnd(12)} ${segments} segments, ${bytes} bytes  →  table ${name}`)
  }
}

function describeTable(table: TableStatus): void {
  const [publication] = table.publications
  const losses = table.source_gaps > 0n ? `, ${table.source_gaps} offsets that the broker lost` : ''
  say(
    `   ${table.name}: ${table.rows} rows in ${table.data_files} Parquet files, ${table.dead_letters} dead letters${losses}`,
  )
  say(`     snapshot ${publication?.snapshot_id ?? 'none'}, ${freshness(table)}`)
}

function freshness({ newest_record_at_ms, publications }: TableStatus): string {
  const publishedAtMs = publications[0]?.published_at_ms
  if (newest_record_at_ms === null || publishedAtMs == null) return 'no records'
  return `newest record produced ${new Date(newest_record_at_ms).toISOString()}, published ${new Date(publishedAtMs).toISOString()}`
}

async function describeRows({ metadata, warehouse }: Parts): Promise<void> {
  const table = await metadata.loadTable('shop.orders')
  invariant(table !== undefined, 'the run made shop.orders')
  const columns = ['order_id', 'amount', 'currency', 'customer.name', '_kafka.partition', '_kafka.offset']
  say('\n3. A few rows of shop.orders, read back from its Parquet:')
  for await (const file of liveFiles(metadata, table)) {
    for await (const window of readParquetColumns(parquetSource(warehouse, file), columns)) {
      for (let row = 0; row < Math.min(SHOWN_ROWS, window.rowCount); row++) {
        const [id, cents, currency, name, partition, offset] = columns.map(
          column => window.columns.get(column)?.[row],
        )
        say(
          `   order ${id}  ${(Number(cents) / 100).toFixed(2)} ${currency}  ${name}   (orders-${partition} offset ${offset})`,
        )
      }
      return
    }
  }
}

async function describeDeadLetters({ metadata, warehouse }: Parts): Promise<void> {
  const table = await metadata.loadTable(`shop.orders${DEAD_LETTER_SUFFIX}`)
  invariant(table !== undefined, 'the run made the dead-letter table')
  const counts = new Map<string, number>()
  const examples: string[] = []
  for await (const letter of readDeadLetters({ metadata, warehouse }, table)) {
    const code = String(letter.error_code)
    const seen = counts.get(code) ?? 0
    counts.set(code, seen + 1)
    if (seen === 0 && examples.length < SHOWN_DEAD_LETTERS)
      examples.push(`   ${letter.topic}-${letter.partition} offset ${letter.offset}: ${letter.error_message}`)
  }
  say('\n4. Records that could not be rows are kept, with the reason, in shop.orders__dlq:')
  say(`   ${[...counts].map(([code, count]) => `${count} ${code}`).join(', ')}`)
  for (const example of examples) say(example)
}

async function describeAudit(parts: Parts): Promise<boolean> {
  say('\n5. Audit: every offset of every segment, looked up in the files:')
  let clean = true
  for (const table of parts.config.tables) {
    const { name, source: sourceName, metadataColumns } = table
    const rows = await parts.metadata.loadTable(name)
    const deadLetters = await parts.metadata.loadTable(name + DEAD_LETTER_SUFFIX)
    const source = parts.sources.get(sourceName)
    invariant(rows !== undefined && deadLetters !== undefined && source !== undefined, `the run made ${name}`)
    const report = await auditTable(
      { metadata: parts.metadata, source, warehouse: parts.warehouse },
      { rows, deadLetters, metadataColumns, topic: topicPlaceOf(parts, table) },
    )
    say(
      `   ${name}: ${report.rows} rows, ${report.dead_letters} dead letters, ${report.gaps} gaps, ${report.duplicates} duplicates, ${report.source_gaps} lost by the broker`,
    )
    clean &&= isClean(report)
  }
  return clean
}

function describeNext(tables: readonly TableStatus[]): void {
  const location = tables.find(table => table.name === 'shop.orders')?.publications[0]?.metadata_location
  say('\nLook on for yourself:')
  say('   npx tidewater -c tidewater-demo/tidewater.yaml status')
  say('   npx tidewater -c tidewater-demo/tidewater.yaml dlq show shop.orders')
  say(
    `   python3 -c 'from pyiceberg.table import StaticTable; print(StaticTable.from_metadata("${location}").scan().to_arrow())'`,
  )
}

process.exitCode = await demo()
