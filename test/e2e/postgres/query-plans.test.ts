/** Every statement that touches what grows finds its rows through an index: as with SQLite, a table's history must cost nothing. */
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { openPostgresMetadataStore } from '../../../shared/metadata/postgres/store.ts'
import { liveThrough } from '../../contract/metadata-store-life.ts'
import { type PostgresServer, startPostgres } from '../../servers/postgres.ts'

/** Tables that grow with the life of a table. */
const GROWING =
  /Seq Scan on (data_file|task_slice|slice_account|convert_task|accounted_range|dead_letter_batch|dead_letter_topic_file|dead_letter_segment|manifest|snapshot|snapshot_manifest|event|scan_report)\b/

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.remove())
afterEach(() => {
  vi.restoreAllMocks()
})

it('every statement of a table’s life searches what grows by an index', async () => {
  const sent = vi.spyOn(Client.prototype, 'query')
  const store = openPostgresMetadataStore({ address: server.address('plans') })
  await store.migrate()
  sent.mockClear()
  await liveThrough(store)
  await store.close()
  const texts = new Set(
    sent.mock.calls.flatMap(([query]) => {
      const text: unknown = typeof query === 'object' ? Reflect.get(query, 'text') : query
      return typeof text === 'string' && /^\s*(select|with|insert|update|delete)/i.test(text) ? [text] : []
    }),
  )
  vi.restoreAllMocks()
  expect(texts.size).toBeGreaterThan(60)

  const client = new Client({ connectionString: server.url, options: '-c search_path=plans' })
  await client.connect()
  // Without rows every plan is cheap; this shows whether there is another one than reading all. Generic, as prepared statements end up.
  await client.query('set enable_seqscan = off; set plan_cache_mode = force_generic_plan')
  const scans: string[] = []
  for (const text of texts) {
    const count = Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, n]) => Number(n)))
    const values = count === 0 ? '' : `(${Array.from({ length: count }, () => 'null').join(', ')})`
    await client.query(`prepare explained as ${text}`)
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain execute explained${values}`)
    await client.query('deallocate explained')
    const plan = rows.map(row => row['QUERY PLAN']).join('\n')
    if (GROWING.test(plan)) scans.push(`${text}\n${plan}`)
  }
  await client.end()
  expect(scans).toEqual([])
})
