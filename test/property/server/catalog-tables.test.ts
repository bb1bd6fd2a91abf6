/** Random tables, published by the real publisher into two catalogs: every answer is what the specification says, and nothing is missing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openCatalogs } from '../../../catalog-adapters/open-catalogs.ts'
import { publishTable } from '../../../services/publisher/publish-table.ts'
import { assignFreshIds } from '../../../shared/iceberg/assign-ids.ts'
import { encodeDataFile } from '../../../shared/iceberg/data-file-avro.ts'
import { parseExactJson } from '../../../shared/iceberg/exact-json.ts'
import type { PartitionSpec, PartitionValue, Transform } from '../../../shared/iceberg/partition-spec.ts'
import type { NestedField, PrimitiveType, Schema } from '../../../shared/iceberg/schema.ts'
import { resultType } from '../../../shared/iceberg/transforms.ts'
import type { NewDataFile } from '../../../shared/metadata/metadata-store.ts'
import { locationToKey } from '../../../shared/object-store/locations.ts'
import { sliceOf, TOPIC } from '../../contract/metadata-store-fixture.ts'
import { catalogApp } from '../../fakes/catalog-app.ts'
import { openPipeline, type Pipeline } from '../../fakes/pipeline-fixture.ts'
import { problemsOfAnswer } from '../../fakes/rest-catalog-spec.ts'
import { dataFileOf, freshFields, plainValue, transform } from '../iceberg/arbitraries.ts'

const CATALOGS = ['local', 'lab'] as const
const part = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,3}$/)
/** Few enough parts that namespaces are shared and lie within each other. */
const tableNames = fc
  .uniqueArray(part, { minLength: 1, maxLength: 4 })
  .chain(parts =>
    fc.uniqueArray(fc.array(fc.constantFrom(...parts), { minLength: 2, maxLength: 5 }), {
      maxLength: 6,
      selector: levels => levels.join('.').toLowerCase(),
    }),
  )
  .map(names => names.map(levels => levels.join('.')))
  // As tidewater.yaml has it: no table is the namespace of another.
  .map(names => names.filter(name => !names.some(other => other.startsWith(`${name}.`))))

interface RandomTable {
  readonly name: string
  readonly schema: Schema
  readonly lastColumnId: number
  readonly spec: PartitionSpec
  /** Files of each commit; what is committed is published or not. */
  readonly commits: readonly (readonly NewDataFile[])[]
  readonly catalogs: readonly string[]
}

const tables: fc.Arbitrary<readonly RandomTable[]> = tableNames.chain(names =>
  fc.tuple(...names.map(randomTable)),
)

function randomTable(name: string): fc.Arbitrary<RandomTable> {
  return freshFields.chain(fields => {
    const { schema, lastColumnId } = assignFreshIds(fields)
    return specOf(schema).chain(spec =>
      fc.record({
        name: fc.constant(name),
        schema: fc.constant(schema),
        lastColumnId: fc.constant(lastColumnId),
        spec: fc.constant(spec),
        commits: fc.array(fc.array(fileOf(name, schema, spec), { minLength: 1, maxLength: 3 }), {
          maxLength: 4,
        }),
        catalogs: fc.subarray([...CATALOGS]),
      }),
    )
  })
}

function specOf(schema: Schema): fc.Arbitrary<PartitionSpec> {
  return fc.subarray([...schema.fields]).chain(sources =>
    fc.tuple(...sources.map(() => transform)).map(transforms => ({
      specId: 0,
      fields: sources.flatMap((source, i) => {
        const by = transforms[i]
        const takes = by !== undefined && resultOf(by, source) !== undefined
        return takes ? [{ sourceId: source.id, fieldId: 1000 + i, name: `p${i}`, transform: by }] : []
      }),
    })),
  )
}

function resultOf(by: Transform, { type }: NestedField): PrimitiveType | undefined {
  return type.kind === 'struct' || type.kind === 'list' || type.kind === 'map'
    ? undefined
    : resultType(by, type)
}

function fileOf(name: string, schema: Schema, spec: PartitionSpec): fc.Arbitrary<NewDataFile> {
  const values = spec.fields.map((field): fc.Arbitrary<PartitionValue> => {
    const source = schema.fields.find(({ id }) => id === field.sourceId)
    const type = source === undefined ? undefined : resultOf(field.transform, source)
    if (type === undefined || field.transform.kind === 'void') return fc.constant(null)
    return fc.oneof(fc.constant(null), plainValue(type))
  })
  return fc
    .tuple(...values)
    .chain(partition => fc.tuple(dataFileOf(partition), fc.uuid()))
    .map(([file, uuid]) => {
      const path = `file:///lake/warehouse/${name.replaceAll('.', '/')}/data/${uuid}.parquet`
      const small = { ...file, path, recordCount: 10n, fileSizeBytes: 1000n }
      const { specId, partition, recordCount, fileSizeBytes } = small
      const encoded = encodeDataFile(small, spec, schema)
      return { target: 'rows', path, specId, partition, recordCount, fileSizeBytes, encoded }
    })
}

/** Each commit is published at once. A table in no catalog is committed and shown nowhere. */
async function publish({ parts, metadata, warehouse }: Pipeline, table: RandomTable): Promise<void> {
  const { name, schema, spec, lastColumnId, commits } = table
  const tableId = `id of ${name}`
  const location = `file:///lake/warehouse/${name.replaceAll('.', '/')}`
  await metadata.createTable({
    tableId,
    name,
    location,
    schema,
    spec,
    lastColumnId,
    lastPartitionId: 999 + spec.fields.length + 3,
    properties: { 'a "quoted" key\u2028': name },
    declaration: '{}',
  })
  await metadata.registerPartition({ tableId, topic: TOPIC, partition: 0, incarnation: 0, firstOffset: 0n })
  const configs = table.catalogs.map(catalog => ({ name: catalog, type: 'embedded' as const }))
  const catalogs = [...openCatalogs(configs, { ...parts, metadata, warehouse }).values()]
  const retention = { maxAgeMs: 1e9, minCount: 1, maxCount: 3 }
  const publishNow = () => publishTable({ ...parts, catalogs, retention }, name)
  await publishNow()
  let offset = 0
  for (const [i, files] of commits.entries()) {
    const slice = sliceOf(0, offset, offset + 10 * files.length)
    offset += 10 * files.length
    const taskId = `${name} ${i}`
    await metadata.planTask({ taskId, tableId, schemaId: 0, specId: 0, slices: [slice] })
    await metadata.claimTask(taskId, { token: taskId, leaseMs: 1000, worker: 'w' })
    await metadata.commitTask({
      claim: { taskId, token: taskId },
      accounts: [
        {
          ...slice,
          rowCount: 10n * BigInt(files.length),
          deadLetterCount: 0n,
          ranges: [],
          maxTimestampMs: 1,
        },
      ],
      files,
      deadLetters: [],
    })
    await publishNow()
  }
}

type Ask = (operation: string, path: string) => Promise<string>

/** Page by page, when there is a size. */
async function listed(ask: Ask, operation: string, path: string, key: string, pageSize: number | undefined) {
  const found: unknown[] = []
  let token: string | null = ''
  do {
    const query: string = pageSize === undefined ? '' : `pageSize=${pageSize}&pageToken=${token}`
    const answer: Record<string, unknown> = JSON.parse(
      await ask(operation, `${path}${path.includes('?') ? '&' : '?'}${query}`),
    )
    const page = z.array(z.unknown()).parse(answer[key])
    if (pageSize !== undefined) expect(page.length).toBeLessThanOrEqual(pageSize)
    found.push(...page)
    token = z.string().nullable().parse(answer['next-page-token'])
  } while (token !== null)
  return found
}

/** Every table that can be reached from the top, by its name. */
async function walk(ask: Ask, prefix: string, pageSize: number | undefined): Promise<string[]> {
  const found: string[] = []
  const visit = async (levels: readonly string[]) => {
    const encoded = levels.map(encodeURIComponent).join('%1F')
    const parent = levels.length === 0 ? '' : `?parent=${encoded}`
    const namespaces = await listed(
      ask,
      'listNamespaces',
      `${prefix}/namespaces${parent}`,
      'namespaces',
      pageSize,
    )
    for (const child of z.array(z.array(z.string())).parse(namespaces)) {
      expect(child.slice(0, -1)).toEqual(levels)
      await visit(child)
    }
    if (levels.length === 0) return
    const namespace = `${prefix}/namespaces/${encoded}`
    expect(JSON.parse(await ask('loadNamespaceMetadata', namespace)).namespace).toEqual(levels)
    const tables = await listed(ask, 'listTables', `${namespace}/tables`, 'identifiers', pageSize)
    for (const table of z
      .array(z.object({ namespace: z.array(z.string()), name: z.string() }))
      .parse(tables)) {
      expect(table.namespace).toEqual(levels)
      found.push([...levels, table.name].join('.'))
    }
  }
  await visit([])
  return found
}

const answerSchema = z.object({
  'metadata-location': z.string(),
  metadata: z.looseObject({
    'current-snapshot-id': z.union([z.number(), z.bigint()]),
    snapshots: z.array(z.looseObject({ 'snapshot-id': z.union([z.number(), z.bigint()]) })),
  }),
})

test('random tables: every answer fits the specification, and all tables are found and loaded with every digit', async () => {
  await fc.assert(
    fc.asyncProperty(
      tables,
      fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      async (given, size) => {
        const pipeline = await openPipeline()
        for (const table of given) await publish(pipeline, table)
        const { app, problems } = await catalogApp(pipeline, { catalogs: CATALOGS })
        const ask: Ask = async (operation, path) => {
          const answer = await app.inject(`/catalog/v1/${path}`)
          expect(problemsOfAnswer(operation, answer.statusCode, answer.body)).toEqual([])
          expect(answer.statusCode, answer.body).toBe(200)
          return answer.body
        }
        for (const warehouse of CATALOGS) {
          const shown = given.filter(table => table.catalogs.includes(warehouse)).map(table => table.name)
          expect((await walk(ask, warehouse, size)).sort()).toEqual(shown.sort())
          for (const name of shown) {
            const levels = name.split('.')
            const path = `${warehouse}/namespaces/${levels.slice(0, -1).join('%1F')}/tables/${levels.at(-1)}`
            const whole = answerSchema.parse(parseExactJson(await ask('loadTable', path), path))
            const key = locationToKey(pipeline.warehouse, whole['metadata-location'])
            const file = parseExactJson(Buffer.from(await pipeline.warehouse.get(key)).toString(), key)
            expect(whole.metadata).toEqual(file)
            const refs = answerSchema.parse(
              parseExactJson(await ask('loadTable', `${path}?snapshots=refs`), path),
            )
            const { snapshots, 'current-snapshot-id': current } = whole.metadata
            const wanted = snapshots.filter(snapshot => snapshot['snapshot-id'] === current)
            expect(refs).toEqual({ ...whole, metadata: { ...whole.metadata, snapshots: wanted } })
          }
        }
        expect(problems).toEqual([])
        await app.close()
        await pipeline.close()
      },
    ),
    { numRuns: 30 },
  )
})
