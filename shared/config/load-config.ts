/**
 * From the text of tidewater.yaml to a `Config`, or to all of its mistakes at once, each with its line.
 * Order: YAML, substitution, shapes and single values (`file-schema.ts`), then what needs several places (`check-*.ts`).
 */
import { dirname, resolve } from 'node:path'
import { placePostgresFiles } from '../metadata/postgres/address.ts'
import { parseStoreUrl } from '../object-store/open-object-store.ts'
import { placeRedisFiles } from '../queue/redis-address.ts'
import { buildCatalog, checkCatalogs } from './check-catalogs.ts'
import { checkDeadLetterUrls, type StoresInFile } from './check-dlq-urls.ts'
import { checkGlueNames } from './check-glue-names.ts'
import { type CheckedTable, checkTable, checkTableNames, type PartialTable } from './check-tables.ts'
import { checkWidths } from './check-widths.ts'
import { fieldSchema } from './column-schema.ts'
import type {
  Config,
  MetadataConfig,
  QueueConfig,
  ServerConfig,
  SourceConfig,
  StoreConfig,
  TableConfig,
  TablePattern,
} from './config.ts'
import { type ConfigError, type ConfigIssue, type ConfigPath, pathText } from './config-error.ts'
import { describeIssues, isMapping, valueAt } from './describe-issues.ts'
import { type FileShape, fileSchema, type TableShape, tableSchema } from './file-schema.ts'
import { addressText, isLoopback } from './listen-address.ts'
import { Secret } from './secret.ts'
import { readYamlText } from './yaml-text.ts'

export type LoadOutcome =
  | { readonly kind: 'ok'; readonly config: Config }
  | { readonly kind: 'errors'; readonly errors: readonly ConfigError[] }

export interface LoadOptions {
  /** Of the file; relative paths in it start from its folder. */
  readonly path: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Never throws for any text. */
export function loadConfig(text: string, options: LoadOptions): LoadOutcome {
  const yaml = readYamlText(text, options.env)
  if (yaml.syntaxErrors.length > 0) return { kind: 'errors', errors: yaml.syntaxErrors }
  const parsed = fileSchema.safeParse(yaml.data)
  const issues = parsed.success ? [] : describeIssues(parsed.error.issues, yaml)
  if (!isMapping(yaml.data)) {
    issues.splice(0, issues.length, {
      path: [],
      message: 'expected keys such as warehouse, sources and tables, found none',
    })
  }
  const baseFolder = dirname(resolve(options.path))
  const tables = checkAll(yaml.data, baseFolder, issues)
  if (parsed.success && issues.length === 0 && yaml.substitutionErrors.length === 0) {
    return { kind: 'ok', config: buildConfig(parsed.data, tables, baseFolder) }
  }
  // A value that could not be substituted is wrong for that reason only.
  const unsubstituted = new Set(yaml.substitutionErrors.map(error => error.path))
  const located = issues.filter(issue => !unsubstituted.has(pathText(issue.path))).map(yaml.locate)
  const errors = [...yaml.substitutionErrors, ...located]
  return { kind: 'errors', errors: errors.sort((a, b) => a.line - b.line || a.column - b.column) }
}

function checkAll(data: unknown, baseFolder: string, issues: ConfigIssue[]): readonly CheckedTable[] {
  const catalogs = valueAt(data, ['catalogs'])
  const known = {
    sources: namesIn(valueAt(data, ['sources'])),
    catalogs: catalogs === undefined ? [DEFAULT_CATALOG] : namesIn(catalogs),
  }
  checkUnique('source', known.sources, ['sources'], issues)
  checkUnique('catalog', known.catalogs, ['catalogs'], issues)
  checkCredentials(data, issues)
  checkEncryption(data, issues)
  checkCatalogs(catalogs, issues)
  checkPolling(data, issues)
  checkToken(data, issues)
  const rawTables = valueAt(data, ['tables'])
  const tables = (Array.isArray(rawTables) ? rawTables : []).map(readPartialTable)
  checkTableNames(
    tables.map(({ name, source_topics: isPattern }) => (isPattern === undefined ? name : undefined)),
    issues,
  )
  checkGlueNames(catalogs, tables, issues)
  checkDeadLetterUrls(tables, { ...storesIn(data), baseFolder }, issues)
  const checked = tables.map((table, i) => checkTable(table, known, ['tables', i], issues))
  const limits = fileSchema.shape.limits.safeParse(valueAt(data, ['limits']))
  if (limits.success) checkWidths(tables, checked, limits.data.worker_memory, issues)
  return checked
}

const DEFAULT_CATALOG = 'local'

function storesIn(data: unknown): Omit<StoresInFile, 'baseFolder'> {
  const warehouse = valueAt(data, ['warehouse'])
  const sources = valueAt(data, ['sources'])
  return {
    warehouse: isMapping(warehouse) ? warehouse.url : warehouse,
    sources: (Array.isArray(sources) ? sources : []).map(source => ({
      name: valueAt(source, ['name']),
      url: valueAt(source, ['url']),
    })),
  }
}

function namesIn(list: unknown): string[] | undefined {
  if (!Array.isArray(list)) return undefined
  return list.map(entry => (isMapping(entry) && typeof entry.name === 'string' ? entry.name : ''))
}

function checkUnique(
  what: string,
  names: readonly string[] | undefined,
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  for (const [i, name] of (names ?? []).entries()) {
    if (name === '' || names?.indexOf(name) === i) continue
    issues.push({
      path: [...path, i, 'name'],
      message: `${what} \`${name}\` is declared twice`,
      suggestion: 'Rename one of the two.',
    })
  }
}

function checkCredentials(data: unknown, issues: ConfigIssue[]): void {
  const sources = valueAt(data, ['sources'])
  const stores: ConfigPath[] = (Array.isArray(sources) ? sources : []).map((_, i) => ['sources', i])
  for (const path of [['warehouse'], ...stores]) {
    const given = ['access_key_id', 'secret_access_key', 'session_token'].filter(
      key => valueAt(data, [...path, key]) !== undefined,
    )
    const isWhole = given.includes('access_key_id') && given.includes('secret_access_key')
    if (given.length === 0 || isWhole) continue
    issues.push({
      path: [...path, given[0] ?? ''],
      atKey: true,
      message: 'access_key_id and secret_access_key go together',
      suggestion: 'Give both, or neither: then the usual AWS chain is used.',
    })
  }
}

function checkEncryption(data: unknown, issues: ConfigIssue[]): void {
  if (valueAt(data, ['warehouse', 'sse']) === 'kms') return
  for (const key of ['sse_kms_key_id', 'sse_bucket_key']) {
    if (valueAt(data, ['warehouse', key]) === undefined) continue
    issues.push({
      path: ['warehouse', key],
      atKey: true,
      message: `${key} needs sse: kms`,
      suggestion: 'Add sse: kms, or leave this out.',
    })
  }
}

function checkPolling(data: unknown, issues: ConfigIssue[]): void {
  const limits = fileSchema.shape.limits.safeParse(valueAt(data, ['limits']))
  if (!limits.success || limits.data.poll_interval <= limits.data.poll_interval_max) return
  issues.push({
    path: [
      'limits',
      valueAt(data, ['limits', 'poll_interval']) === undefined ? 'poll_interval_max' : 'poll_interval',
    ],
    message: 'poll_interval is longer than poll_interval_max',
    suggestion:
      'Busy partitions are listed every poll_interval (1s by default), quiet ones at least every poll_interval_max (30s).',
  })
}

function checkToken(data: unknown, issues: ConfigIssue[]): void {
  const listen = fileSchema.shape.server.safeParse({ listen: valueAt(data, ['server', 'listen']) }).data
    ?.listen
  if (listen === undefined || listen === 'none' || isLoopback(listen.host)) return
  if (valueAt(data, ['server', 'token']) !== undefined) return
  issues.push({
    path: ['server', 'listen'],
    message: `other machines can reach ${addressText(listen)}, and there is no server.token`,
    suggestion: `Add token: "\${TIDEWATER_TOKEN}", which requests then carry as a bearer token, or listen at 127.0.0.1.`,
  })
}

/** What can be read of a table when some of its keys are wrong: those are left out, and were reported. */
function readPartialTable(raw: unknown): PartialTable {
  const fields = valueAt(raw, ['schema', 'fields'])
  const fieldShapes = Array.isArray(fields)
    ? fields.map(field => fieldSchema.safeParse(field).data)
    : undefined
  const whole = tableSchema.safeParse(raw)
  if (!isMapping(raw)) return { fieldShapes, schemaIsWrong: true, namesTopics: true }
  const namesTopics = raw.source_topic !== undefined || raw.source_topics !== undefined
  if (whole.success) return { ...whole.data, fieldShapes, schemaIsWrong: false, namesTopics }
  const wrong = new Set(
    whole.error.issues.flatMap(issue => (issue.path.length > 0 ? [String(issue.path[0])] : [])),
  )
  const right = Object.entries(raw).filter(
    ([key]) => !wrong.has(key) && Object.hasOwn(tableSchema.shape, key),
  )
  const part = lenientTableSchema.safeParse(Object.fromEntries(right))
  // What was left out because it is wrong must not come back as its default.
  const leftOut: Readonly<Record<string, undefined>> = Object.fromEntries(
    Array.from(wrong, key => [key, undefined]),
  )
  return { ...part.data, ...leftOut, fieldShapes, schemaIsWrong: wrong.has('schema'), namesTopics }
}

const lenientTableSchema = tableSchema.partial({ name: true, source: true })

function buildMetadata(metadata: MetadataConfig, baseFolder: string): MetadataConfig {
  if (metadata.kind === 'sqlite') return { ...metadata, path: resolve(baseFolder, metadata.path) }
  return { ...metadata, address: placePostgresFiles(metadata.address, path => resolve(baseFolder, path)) }
}

function buildQueue(queue: QueueConfig, baseFolder: string): QueueConfig {
  if (queue.kind === 'in-process') return queue
  return { ...queue, address: placeRedisFiles(queue.address, path => resolve(baseFolder, path)) }
}

function buildConfig(file: FileShape, tables: readonly CheckedTable[], baseFolder: string): Config {
  const warehouse = typeof file.warehouse === 'string' ? { url: file.warehouse } : file.warehouse
  const catalogNames = file.catalogs.map(catalog => catalog.name)
  const { limits } = file
  return {
    baseFolder,
    warehouse: { ...buildStore(warehouse, baseFolder), ...buildWarehouse(warehouse) },
    metadata: buildMetadata(file.metadata, baseFolder),
    queue: buildQueue(file.queue, baseFolder),
    sources: file.sources.map(
      (source): SourceConfig => ({
        ...buildStore(source, baseFolder),
        name: source.name,
        type: source.type,
        segmentSettleMs: source.segment_settle,
      }),
    ),
    catalogs: file.catalogs.map(catalog => buildCatalog(catalog, baseFolder)),
    ...buildTables(file.tables, tables, { catalogNames, baseFolder }),
    limits: {
      ...(limits.workers !== undefined && { workers: limits.workers }),
      workerMemoryBytes: limits.worker_memory,
      maxOpenPartitions: limits.max_open_partitions,
      maxTaskAttempts: limits.max_task_attempts,
      maxTasksInFlight: limits.max_tasks_in_flight,
      claimLeaseMs: limits.claim_lease,
      stopGraceMs: limits.stop_grace,
      pollIntervalMs: limits.poll_interval,
      pollIntervalMaxMs: limits.poll_interval_max,
      topicPollIntervalMs: limits.topic_poll_interval,
    },
    server: buildServer(file.server, baseFolder),
    log: file.log,
    scaling: {
      targetDrainMs: file.scaling.target_drain,
      minWorkers: file.scaling.min_workers,
      // A minimum that somebody wrote counts.
      maxWorkers: Math.max(file.scaling.min_workers, file.scaling.max_workers),
    },
  }
}

function buildServer(server: FileShape['server'], baseFolder: string): ServerConfig {
  const {
    listen,
    token,
    tls,
    max_requests_per_minute: maxRequestsPerMinute,
    max_wrong_tokens_per_minute: maxWrongTokensPerMinute,
  } = server
  return {
    ...(listen !== 'none' && { listen }),
    ...(token !== undefined && { token: new Secret(token) }),
    ...(tls !== undefined && {
      tls: { certFile: resolve(baseFolder, tls.cert_file), keyFile: resolve(baseFolder, tls.key_file) },
    }),
    passCredentials: server.pass_credentials,
    requestTimeoutMs: server.request_timeout,
    stopTimeoutMs: server.stop_timeout,
    maxBodyBytes: server.max_body_size,
    maxRequests: server.max_requests,
    ...(maxRequestsPerMinute !== 'none' && { maxRequestsPerMinute }),
    ...(maxWrongTokensPerMinute !== 'none' && { maxWrongTokensPerMinute }),
    maxConnections: server.max_connections,
  }
}

type StoreShape = Pick<FileShape['sources'][number], 'url'> &
  Partial<Omit<FileShape['sources'][number], 'name' | 'type'>>

function buildStore(store: StoreShape, baseFolder: string): StoreConfig {
  const {
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    session_token: sessionToken,
  } = store
  return {
    url: parseStoreUrl(store.url, baseFolder).url,
    ...(store.endpoint !== undefined && { endpoint: store.endpoint }),
    ...(store.region !== undefined && { region: store.region }),
    ...(store.ca_file !== undefined && { caFile: resolve(baseFolder, store.ca_file) }),
    ...(store.path_style !== undefined && { pathStyle: store.path_style }),
    ...(store.checksums !== undefined && { checksums: store.checksums }),
    ...(store.max_requests !== undefined && { maxRequests: store.max_requests }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        credentials: {
          accessKeyId: new Secret(accessKeyId),
          secretAccessKey: new Secret(secretAccessKey),
          ...(sessionToken !== undefined && { sessionToken: new Secret(sessionToken) }),
        },
      }),
  }
}

type WarehouseShape = Partial<Exclude<FileShape['warehouse'], string>>

function buildWarehouse({
  sse,
  sse_kms_key_id: keyId,
  sse_bucket_key: bucketKey,
  client_endpoint: clientEndpoint,
}: WarehouseShape): Pick<StoreConfig, 'encryption' | 'clientEndpoint'> {
  return {
    ...(sse === 'aes256' && { encryption: { kind: sse } }),
    ...(sse === 'kms' && {
      encryption: {
        kind: sse,
        ...(keyId !== undefined && { keyId }),
        ...(bucketKey !== undefined && { bucketKey }),
      },
    }),
    ...(clientEndpoint !== undefined && { clientEndpoint }),
  }
}

interface TableSurroundings {
  readonly catalogNames: readonly string[]
  readonly baseFolder: string
}

function buildTables(
  shapes: FileShape['tables'],
  checked: readonly CheckedTable[],
  surroundings: TableSurroundings,
): Pick<Config, 'tables' | 'patterns'> {
  const tables: TableConfig[] = []
  const patterns: TablePattern[] = []
  for (const [i, table] of shapes.entries()) {
    const columns = checked[i]
    if (columns === undefined) continue
    const settings = buildSettings(table, columns, surroundings)
    const { source_topic: sourceTopic, source_topics: topics } = table
    if (sourceTopic !== undefined) tables.push({ ...settings, sourceTopic })
    else if (topics !== undefined)
      patterns.push({
        ...settings,
        topics: [topics].flat(),
        excludeTopics: [table.exclude_topics ?? []].flat(),
      })
  }
  return { tables, patterns }
}

function buildSettings(
  table: TableShape,
  checked: CheckedTable,
  { catalogNames, baseFolder }: TableSurroundings,
): Omit<TableConfig, 'sourceTopic'> {
  const retention = table.snapshot_retention
  return {
    name: table.name,
    source: table.source,
    sourceFormat: table.source_format,
    fields: checked.fields,
    fieldOptions: checked.fieldOptions,
    partitionBy: checked.partitionBy,
    catalogs: table.catalogs ?? catalogNames,
    commitIntervalMs: table.commit_interval,
    dlqMode: table.dlq_mode,
    dlqMaxRatio: table.dlq_max_ratio,
    ...(table.dlq_retention !== undefined && { dlqRetentionMs: table.dlq_retention }),
    ...(table.dlq_url !== undefined && { dlqUrl: parseStoreUrl(table.dlq_url, baseFolder).url }),
    unknownFields: table.unknown_fields,
    metadataColumns: table.metadata_columns,
    compression: table.compression,
    targetFileSizeBytes: table.target_file_size,
    taskTargetBytes: table.task_target_bytes,
    onSourceGap: table.on_source_gap,
    onNewIncarnation: table.on_new_incarnation,
    startFrom: checked.startFrom,
    snapshotRetention: {
      maxAgeMs: retention.max_age,
      minCount: retention.min_count,
      maxCount: retention.max_count,
    },
    properties: table.properties,
  }
}
