// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to variables as users write them
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { storeOptionsOf, tableIdentifierOf, tableLocationOf } from '../../../shared/config/config.ts'
import { formatConfigErrors } from '../../../shared/config/config-error.ts'
import { configOf, errorsOf, fileWithTable, load, tableOf } from './fixtures.ts'

describe('a whole configuration', () => {
  it('fills in defaults and makes paths absolute', () => {
    const config = configOf(fileWithTable(''))
    expect(config).toMatchObject({
      baseFolder: '/conf',
      warehouse: { url: 'file:///conf/lake' },
      metadata: { kind: 'sqlite', path: '/conf/tidewater.db' },
      sources: [{ name: 's', type: 'kfs', url: 'file:///conf/segments', segmentSettleMs: 10_000 }],
      catalogs: [{ name: 'local', type: 'embedded' }],
      limits: { maxOpenPartitions: 64, maxTaskAttempts: 5, claimLeaseMs: 60_000, pollIntervalMs: 1000 },
    })
    expect(config.limits.workers).toBeUndefined()
    expect(config.tables).toEqual([
      {
        name: 'a.t',
        source: 's',
        sourceTopic: 't',
        sourceFormat: 'json',
        fields: [{ id: 0, name: 'id', required: false, type: { kind: 'long' } }],
        fieldOptions: new Map(),
        partitionBy: [],
        catalogs: ['local'],
        commitIntervalMs: 60_000,
        dlqMode: 'dlq',
        dlqMaxRatio: 0.5,
        unknownFields: 'ignore',
        metadataColumns: 'struct',
        compression: 'zstd',
        targetFileSizeBytes: 134_217_728,
        taskTargetBytes: 67_108_864,
        onSourceGap: 'continue',
        onNewIncarnation: 'stop',
        startFrom: { kind: 'earliest' },
        snapshotRetention: { maxAgeMs: 432_000_000, minCount: 10, maxCount: 200 },
        properties: {},
      },
    ])
  })

  it('takes every key that is built', () => {
    const config = configOf(
      `warehouse: { url: s3://lake/warehouse/, endpoint: "http://localhost:9000", region: eu-central-1 }
metadata: sqlite:/var/lib/tidewater.db
sources:
  - name: kafscale
    type: kfs
    url: s3://kafscale-data/production
    endpoint: http://localhost:9000/
    path_style: true
    access_key_id: "\${KEY_ID}"
    secret_access_key: "\${KEY}"
    segment_settle: 2s
catalogs: [ { name: one, type: embedded }, { name: two, type: embedded } ]
tables:
  - name: analytics.eu.orders
    source: kafscale
    source_topic: orders
    source_format: json
    schema_mode: inline
    schema: { fields: [ { name: at, type: timestamptz, required: true, id: 7, doc: when, epoch_unit: millis } ] }
    partition_by: [ "day(at)", _kafka_partition ]
    catalogs: [ two ]
    commit_interval: 1m30s
    dlq_mode: stop
    dlq_max_ratio: 0.01
    dlq_url: s3://letters/topics/
    unknown_fields: dlq
    metadata_columns: flat
    compression: snappy
    target_file_size: 1GiB
    task_target_bytes: 100MB
    on_source_gap: stop
    on_new_incarnation: continue
    start_from: { offsets: { 0: 100, 3: "9007199254740993" } }
    snapshot_retention: { max_age: 1h, min_count: 1, max_count: 50 }
    properties: { owner: data-team, retention.days: 7, audited: true }
limits:
  workers: 4
  worker_memory: 512MiB
  max_open_partitions: 8
  max_task_attempts: 2
  max_tasks_in_flight: 10
  claim_lease: 30s
  stop_grace: 5s
  poll_interval: 200ms
  poll_interval_max: 1m
  topic_poll_interval: 5m
`,
      { KEY_ID: 'the-id', KEY: 'the-secret' },
    )
    expect(config.warehouse).toEqual({
      url: 's3://lake/warehouse',
      endpoint: 'http://localhost:9000',
      region: 'eu-central-1',
    })
    expect(config.metadata).toEqual({ kind: 'sqlite', path: '/var/lib/tidewater.db' })
    const [source] = config.sources
    expect(source && storeOptionsOf(source)).toEqual({
      endpoint: 'http://localhost:9000',
      pathStyle: true,
      credentials: { accessKeyId: 'the-id', secretAccessKey: 'the-secret' },
    })
    expect(JSON.stringify(config.sources)).not.toContain('the-secret')
    expect(config.tables[0]).toMatchObject({
      name: 'analytics.eu.orders',
      fields: [{ id: 7, name: 'at', required: true, doc: 'when', type: { kind: 'timestamptz' } }],
      fieldOptions: new Map([['at', { epochUnit: 'millis' }]]),
      dlqUrl: 's3://letters/topics',
      partitionBy: [
        { transform: { kind: 'day' }, column: 'at' },
        { transform: { kind: 'identity' }, column: '_kafka_partition' },
      ],
      catalogs: ['two'],
      commitIntervalMs: 90_000,
      dlqMode: 'stop',
      dlqMaxRatio: 0.01,
      unknownFields: 'dlq',
      metadataColumns: 'flat',
      compression: 'snappy',
      targetFileSizeBytes: 2 ** 30,
      taskTargetBytes: 100_000_000,
      onSourceGap: 'stop',
      onNewIncarnation: 'continue',
      startFrom: {
        kind: 'offsets',
        offsets: new Map([
          [0, 100n],
          [3, 9007199254740993n],
        ]),
      },
      snapshotRetention: { maxAgeMs: 3_600_000, minCount: 1, maxCount: 50 },
      properties: { owner: 'data-team', 'retention.days': '7', audited: 'true' },
    })
    expect(config.limits).toEqual({
      workers: 4,
      workerMemoryBytes: 512 * 1024 * 1024,
      maxOpenPartitions: 8,
      maxTaskAttempts: 2,
      maxTasksInFlight: 10,
      claimLeaseMs: 30_000,
      stopGraceMs: 5000,
      pollIntervalMs: 200,
      pollIntervalMaxMs: 60_000,
      topicPollIntervalMs: 300_000,
    })
  })

  it('takes anchors and aliases', () => {
    const config = configOf(`warehouse: file:/lake
sources: [ { name: s, url: file:/segments } ]
tables:
  - { name: a.one, source: s, source_topic: one, schema: &columns { fields: [ { name: id, type: long } ] } }
  - { name: a.two, source: s, source_topic: two, schema: *columns }
`)
    expect(config.tables[1]?.fields).toEqual(config.tables[0]?.fields)
  })

  it('takes the ways to say where a new table begins', () => {
    const startFrom = (text: string) => tableOf(`start_from: ${text}`).startFrom
    expect(startFrom('latest')).toEqual({ kind: 'latest' })
    expect(startFrom('{ timestamp: 2026-01-31T00:00:00+01:00 }')).toEqual({
      kind: 'timestamp',
      timestampMs: Date.UTC(2026, 0, 30, 23),
    })
  })

  it('gives raw tables key and value as bytes unless told otherwise', () => {
    const raw = tableOf('source_format: raw\nschema: { fields: [ { name: value, type: string } ] }')
    expect(raw.fields).toEqual([{ id: 0, name: 'value', required: false, type: { kind: 'string' } }])
    const whole = configOf(fileWithTable('source_format: raw').replace(/ +schema: .*\n/, '')).tables[0]
    expect(whole?.fields.map(field => [field.name, field.type.kind])).toEqual([
      ['key', 'binary'],
      ['value', 'binary'],
    ])
  })

  it('splits names of tables, and places them below the warehouse', () => {
    expect(tableIdentifierOf('a.b.c')).toEqual({ namespace: ['a', 'b'], name: 'c' })
    expect(tableLocationOf('s3://lake/w', 'a.b.c')).toBe('s3://lake/w/a/b/c')
  })
})

it('reads the address of a Redis queue, its files relative to the folder of tidewater.yaml', () => {
  const url = 'rediss://ada:${PASSWORD}@cache:6380/3?ca_file=ca.pem&prefix=eu'
  const { queue } = configOf(`${fileWithTable('')}queue: "${url}"\n`, { PASSWORD: 'hunter2' })
  expect(queue).toMatchObject({
    kind: 'redis',
    address: {
      hosts: [{ host: 'cache', port: 6380 }],
      database: 3,
      tls: { caFile: '/conf/ca.pem' },
      prefix: 'eu',
    },
  })
  expect(JSON.stringify(queue)).not.toContain('hunter2')
  expect(configOf(fileWithTable('')).queue).toEqual({ kind: 'in-process' })
})

describe('mistakes', () => {
  it('are all reported at once, in the order of their lines, each with path and suggestion', () => {
    const errors = errorsOf(`warehouse: file:./lake
queue: redis:/localhost
sources:
  - { name: s, url: file:./segments, endpont: "http://x" }
tables:
  - name: a.t
    source: z
    source_topic: t
    comit_interval: 10s
    schema:
      fields:
        - { name: id, type: bigint }
    partition_by: [ "day(x" ]
limits: { workers: many }
`)
    expect(errors).toEqual([
      {
        line: 2,
        column: 8,
        path: 'queue',
        message: expect.stringMatching(/^expected in-process, or redis:.*, found a value that is not shown$/),
        suggestion: 'Characters such as / ? # in a password are written as %2F %3F %23.',
      },
      {
        line: 4,
        column: 38,
        path: 'sources[0].endpont',
        message: 'unknown key `endpont`',
        suggestion: 'Did you mean endpoint?',
      },
      {
        line: 7,
        column: 13,
        path: 'tables[0].source',
        message: 'there is no source `z`',
        suggestion: 'Declared under sources: s.',
      },
      {
        line: 9,
        column: 5,
        path: 'tables[0].comit_interval',
        message: 'unknown key `comit_interval`',
        suggestion: 'Did you mean commit_interval?',
      },
      {
        line: 12,
        column: 29,
        path: 'tables[0].schema.fields[0].type',
        message: 'expected an Iceberg type, found "bigint"',
        suggestion: 'Did you mean long?',
      },
      {
        line: 13,
        column: 21,
        path: 'tables[0].partition_by[0]',
        message: expect.stringMatching(/^not understood: expected a column/),
        suggestion: 'Did you mean day(column)?',
      },
      {
        line: 14,
        column: 20,
        path: 'limits.workers',
        message: 'expected a whole number from 1 to 256, found "many"',
      },
    ])
    expect(formatConfigErrors('tidewater.yaml', errors.slice(1, 2))).toBe(
      'tidewater.yaml:4:38  sources[0].endpont: unknown key `endpont`\n    Did you mean endpoint?',
    )
  })

  it('takes a PostgreSQL database, its files beside the configuration, its password out of sight', () => {
    const url = 'postgres://ada:${PASSWORD}@db/lake?sslmode=verify-full&sslrootcert=ca.pem&schema=tide'
    const { metadata } = configOf(`metadata: ${url}\n${fileWithTable('')}`, { PASSWORD: 'hunter2' })
    if (metadata.kind !== 'postgres') throw new Error('refused')
    const { address } = metadata
    expect(address).toMatchObject({
      host: 'db',
      schema: 'tide',
      tls: { verify: 'full', rootCert: '/conf/ca.pem' },
    })
    expect(address.password?.reveal()).toBe('hunter2')
    expect(inspect(metadata, { depth: 9 }) + JSON.stringify(metadata)).not.toContain('hunter2')
  })

  it.each([
    ['postgres://ada:hunter2@db', 'names no user, host or database'],
    ['postgres://ada:hunter2@db/lake?sslmode=on', 'has sslmode=on'],
    ['postgres://ada:hunter2/3@db/lake', 'percent-encoding'],
    ['postgre://ada:hunter2@db/lake', undefined],
  ])('refuses metadata: %s without showing its password', (url, suggestion) => {
    const errors = errorsOf(`metadata: ${url}\n`)
    const found = errors.find(({ path }) => path === 'metadata')
    expect(found?.message).toContain('expected')
    if (suggestion !== undefined) expect(found?.suggestion).toContain(suggestion)
    expect(JSON.stringify(errors)).not.toContain('hunter2')
  })

  it.each([
    [
      'sources: [ { name: k, type: kafka, url: s3://bucket, brokers: x } ]',
      '`type: kafka` is designed but not built in this version',
    ],
    ['catalogs: [ { name: l, type: unity } ]', '`type: unity` is designed but not built in this version'],
    [
      'catalogs: [ { name: l, type: polaris, credential: x } ]',
      '`type: polaris` is designed but not built in this version',
    ],
  ])('%s is refused by name', (line, message) => {
    const messages = errorsOf(`${line}\n`).map(error => error.message)
    expect(messages).toContain(message)
    expect(messages.filter(text => text.startsWith('unknown key'))).toEqual([])
  })

  it.each([
    ['', /found none/],
    ['just text', /found none/],
    ['[1, 2]', /found none/],
    ['a: b: c', /not valid YAML/],
    ['a: "x', /not valid YAML/],
    ['a: 1\na: 2', /not valid YAML.*unique/],
    ['a: { {{b}}: 1 }', /a key is not plain text|not valid YAML/],
    ['a: { secret: ${S} }', /a key is not plain text|not valid YAML/],
    ['a: *nowhere', /not valid YAML.*anchor &nowhere/],
    [`a: ${'['.repeat(20_000)}`, /cannot be read as YAML|not valid YAML/],
    [
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(20)}]\nc: [${'*b,'.repeat(20)}]`,
      /cannot be read as YAML/,
    ],
  ])('%# a text that is no configuration is one error, not an exception', (text, message) => {
    const outcome = load(text)
    expect(outcome.kind).toBe('errors')
    expect(errorsOf(text)[0]?.message).toMatch(message)
  })

  it('points a missing key at what lacks it', () => {
    expect(errorsOf('warehouse: file:./lake\nsources:\n  - name: s\ntables: []\n')).toMatchObject([
      {
        line: 3,
        column: 5,
        path: 'sources[0].url',
        message: expect.stringMatching(/`url` is missing: expected s3:/),
      },
      { line: 4, path: 'tables', message: 'expected at least one entry, found an empty list' },
    ])
  })

  it('names a variable that is not set, with its line, and says nothing more of that value', () => {
    expect(errorsOf(fileWithTable('commit_interval: "${PERIOD}"\ndlq_mode: skp'))).toMatchObject([
      { line: 9, path: 'tables[0].commit_interval', message: 'the environment variable PERIOD is not set' },
      { line: 10, path: 'tables[0].dlq_mode' },
    ])
  })

  it.each([
    ['sources: [ { name: s, url: "s3://bucket", access_key_id: x } ]', /go together/],
    [
      'sources: [ { name: s, url: "s3://bucket" }, { name: s, url: "s3://bucket" } ]',
      /source `s` is declared twice/,
    ],
    ['sources: [ { name: s, url: "s3://bucket", endpoint: "http://user:pw@host" } ]', /without user/],
    [
      'catalogs: [ { name: c, type: embedded }, { name: c, type: embedded } ]',
      /catalog `c` is declared twice/,
    ],
    ['limits: { poll_interval: 2m }', /longer than poll_interval_max/],
    ['warehouse: 5', /expected s3:/],
    ['warehouse: { uri: s3://lake/x }', /`url` is missing/],
    ['metadata: "sqlite::memory:"', /expected sqlite/],
    ['commit_interval: 10s', /unknown key/],
  ])('%s is refused', (line, message) => {
    expect(
      errorsOf(`${line}\n`)
        .map(error => error.message)
        .join('\n'),
    ).toMatch(message)
  })

  it('says where a key belongs that stands at the wrong level', () => {
    expect(errorsOf('commit_interval: 10s\n')).toContainEqual(
      expect.objectContaining({ path: 'commit_interval', suggestion: 'This key belongs under tables.' }),
    )
  })
})

describe('secrets', () => {
  const SECRET = 'hunter2hunter2'

  it('never show in errors, wherever the value stands', () => {
    const places = [
      'warehouse: "${S}"',
      'metadata: "${S}"',
      'sources: [ { name: "${S}", url: "${S}", endpoint: "${S}", region: "a ${S}", segment_settle: "${S}", access_key_id: "${S}" } ]',
      'catalogs: [ { name: "${S} x", type: "${S}" } ]',
      'tables: [ { name: "${S}", source: "x${S}", source_topic: "${S}!", partition_by: [ "day(${S})" ], catalogs: [ "${S}" ], schema: { fields: [ { name: "${S}", type: "${S}" }, { name: "${S}", type: int } ] } } ]',
      'limits: { workers: "${S}" }',
    ]
    for (const text of [...places.map(place => `${place}\n`), `${places.join('\n')}\n`]) {
      const errors = errorsOf(text, { S: SECRET })
      expect(errors.length).toBeGreaterThan(0)
      expect(JSON.stringify(errors)).not.toContain(SECRET)
    }
  })

  it('never show either when they are written into the file itself', () => {
    const errors = errorsOf(
      `sources: [ { name: s, url: "s3://bucket", secret_access_key: [ ${SECRET} ] } ]\n`,
    )
    expect(JSON.stringify(errors)).not.toContain(SECRET)
  })
})

describe('settings of the store of the warehouse', () => {
  const file = (keys: string) =>
    fileWithTable('commit_interval: 1s').replace(
      'warehouse: file:./lake',
      `warehouse: { url: "s3://lake", ${keys} }`,
    )

  it('reach the store and the catalog', () => {
    const { warehouse } = configOf(
      file(
        'checksums: crc32, max_requests: 8, sse: kms, sse_kms_key_id: "arn:key", sse_bucket_key: true, client_endpoint: "http://minio:9000"',
      ),
    )
    expect(warehouse.clientEndpoint).toBe('http://minio:9000')
    expect(storeOptionsOf(warehouse)).toEqual({
      checksums: 'crc32',
      maxRequests: 8,
      encryption: { kind: 'kms', keyId: 'arn:key', bucketKey: true },
    })
    expect(storeOptionsOf(configOf(file('sse: aes256')).warehouse)).toEqual({
      encryption: { kind: 'aes256' },
    })
    expect(storeOptionsOf(configOf(file('sse: none')).warehouse)).toEqual({})
  })

  it('name a key of KMS only together with sse: kms', () => {
    for (const keys of ['sse_kms_key_id: k', 'sse: aes256, sse_bucket_key: true']) {
      expect(errorsOf(file(keys))).toMatchObject([{ message: expect.stringContaining('needs sse: kms') }])
    }
  })
})

describe('the server', () => {
  const file = (server: string) => `${fileWithTable('')}server: { ${server} }\n`

  it('takes limits of one client, or none', () => {
    expect(configOf(file('')).server).toMatchObject({
      maxRequestsPerMinute: 12_000,
      maxWrongTokensPerMinute: 60,
    })
    const { server } = configOf(file('max_requests_per_minute: none, max_wrong_tokens_per_minute: none'))
    expect(server).not.toHaveProperty('maxRequestsPerMinute')
    expect(server).not.toHaveProperty('maxWrongTokensPerMinute')
  })

  it('has both files of TLS or neither, relative to the file', () => {
    expect(configOf(file('')).server).not.toHaveProperty('tls')
    expect(configOf(file('tls: { cert_file: ./a.pem, key_file: /b.key }')).server.tls).toEqual({
      certFile: '/conf/a.pem',
      keyFile: '/b.key',
    })
    expect(errorsOf(file('tls: { cert_file: a.pem }'))).toMatchObject([
      { message: expect.stringContaining('`key_file` is missing') },
    ])
    expect(errorsOf(file('tls: { cert_file: a, key_file: b, keyfile: c }'))).toMatchObject([
      { message: expect.stringContaining('unknown key `keyfile`') },
    ])
  })
})
