/** What an outside reader finds in the tables, against what was produced: each record once, with its values. */
import type { ObjectStore } from '../../shared/object-store/object-store.ts'
import { parseHeaders } from '../../shared/segment/record-headers.ts'
import { readBatches } from '../../shared/segment/segment-reader.ts'
import type { PyIcebergReader } from '../interop/readers/readers.ts'
import type { LandedTopic } from './landing.ts'
import { rowOf, tableOf } from './topics.ts'

/** Of one kind, named in a finding. */
const MAX_NAMED = 5
const COLUMNS = Object.keys(rowOf(0))

export interface PublishedTable {
  readonly landed: LandedTopic
  /** Undefined where nothing is published. */
  readonly rowsAt: string | undefined
  readonly deadLettersAt: string | undefined
}

export async function checkRows(
  pyiceberg: PyIcebergReader,
  { landed, rowsAt = '' }: PublishedTable,
): Promise<readonly string[]> {
  const name = tableOf(landed.topic)
  const count = await pyiceberg.count(rowsAt)
  const { rows } = await pyiceberg.scan(rowsAt, { columns: COLUMNS })
  const wrong = rows.filter(row => {
    const expected = rowOf(Number(row.id))
    return COLUMNS.some(column => row[column] !== expected[column])
  })
  return [
    ...expectEqual(`${name}: PyIceberg's count`, count, landed.ids.length),
    ...compareKeys(
      `${name}: ids`,
      rows.map(row => String(row.id)),
      landed.ids.map(String),
    ),
    ...wrong.slice(0, MAX_NAMED).map(row => `${name}: wrong values in ${JSON.stringify(row)}`),
  ]
}

export async function checkDeadLetters(
  pyiceberg: PyIcebergReader,
  warehouse: ObjectStore,
  { landed, deadLettersAt = '' }: PublishedTable,
): Promise<readonly string[]> {
  const name = tableOf(landed.topic)
  const expected = landed.topic.dlqMode === 'dlq' ? landed.broken : []
  const { rows } = await pyiceberg.scan(deadLettersAt, { columns: ['partition', 'offset'] })
  return [
    ...compareKeys(
      `${name}: dead letters of the table`,
      rows.map(row => `${row.partition}/${row.offset}`),
      expected,
    ),
    ...compareKeys(`${name}: dead letters of the topic`, await topicPositions(warehouse, name), expected),
  ]
}

/** Of every record in every segment of the topic that has its index, where the record came from. */
async function topicPositions(warehouse: ObjectStore, table: string): Promise<readonly string[]> {
  const positions: string[] = []
  const keys = new Set<string>()
  for await (const { key } of warehouse.list({ prefix: `_topics/${table}.dlq/0/` })) keys.add(key)
  for (const key of keys) {
    if (!key.endsWith('.kfs') || !keys.has(key.replace(/kfs$/, 'index'))) continue
    for (const batch of readBatches(await warehouse.get(key), { key })) {
      if (batch.kind === 'control') continue
      for (let i = batch.firstRecord; i < batch.endRecord; i++) {
        const headers = new Map(
          parseHeaders(batch.records, i).map(one => [textOf(one.key), textOf(one.value)]),
        )
        const of = (name: string) => headers.get(`tidewater.source.${name}`)
        positions.push(`${of('partition')}/${of('offset')}`)
      }
    }
  }
  return positions
}

const textOf = (bytes: Uint8Array | null) => (bytes === null ? '' : Buffer.from(bytes).toString())

/** Each of the expected keys has to be there once, and no other. */
export function compareKeys(
  what: string,
  found: readonly string[],
  expected: readonly string[],
): readonly string[] {
  const seen = new Set<string>()
  const wanted = new Set(expected)
  const kinds = {
    'more than once': found.filter(key => seen.size === seen.add(key).size),
    'never produced': found.filter(key => !wanted.has(key)),
    missing: expected.filter(key => !seen.has(key)),
  }
  return Object.entries(kinds).flatMap(([kind, keys]) =>
    keys.length === 0 ? [] : [`${what}: ${keys.length} ${kind}, as ${keys.slice(0, MAX_NAMED).join(', ')}`],
  )
}

function expectEqual(what: string, found: number, expected: number): readonly string[] {
  return found === expected ? [] : [`${what}: expected ${expected}, found ${found}`]
}
