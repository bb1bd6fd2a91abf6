/**
 * Trino's HTTP statement protocol: the text is posted, then every answer names the next address until the last one. Values come as Trino
 * prints them (a bigint as a number, a decimal or a timestamp as text, varbinary in base64, a row as an array), with the types beside them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { parseExactJson } from '../../shared/iceberg/exact-json.ts'

const MAX_PAGES = 100_000
const MAX_BUSY_TRIES = 50
const BUSY_WAIT_MS = 100
const REQUEST_LIMIT_MS = 120_000
const MAX_ERROR_LINES = 8

/** `row(x bigint)` is `{ rawType: 'row', arguments: [{ NAMED_TYPE … }] }`. */
export interface TrinoType {
  readonly rawType: string
  readonly arguments: readonly TrinoTypeArgument[]
}
export type TrinoTypeArgument =
  | { readonly kind: 'TYPE'; readonly value: TrinoType }
  | { readonly kind: 'NAMED_TYPE'; readonly name: string; readonly value: TrinoType }
  | { readonly kind: 'LONG'; readonly value: number }

export interface TrinoResult {
  readonly queryId: string
  readonly columns: readonly { readonly name: string; readonly type: TrinoType }[]
  readonly rows: readonly (readonly unknown[])[]
}

const typeSchema: z.ZodType<TrinoType> = z.object({
  rawType: z.string(),
  arguments: z.array(z.lazy(() => argumentSchema)),
})
const argumentSchema: z.ZodType<TrinoTypeArgument> = z.union([
  z.object({ kind: z.literal('TYPE'), value: typeSchema }),
  z
    .object({
      kind: z.literal('NAMED_TYPE'),
      value: z.object({ fieldName: z.object({ name: z.string() }), typeSignature: typeSchema }),
    })
    .transform(({ kind, value }) => ({ kind, name: value.fieldName.name, value: value.typeSignature })),
  z.object({ kind: z.literal('LONG'), value: z.int() }),
])

const pageSchema = z.object({
  id: z.string(),
  nextUri: z.string().optional(),
  columns: z.array(z.object({ name: z.string(), typeSignature: typeSchema })).optional(),
  data: z.array(z.array(z.unknown())).optional(),
  error: z.object({ message: z.string(), errorName: z.string() }).optional(),
})
type Page = z.infer<typeof pageSchema>

export async function runStatement(url: string, sql: string): Promise<TrinoResult> {
  const headers = {
    'X-Trino-User': 'test',
    'X-Trino-Time-Zone': 'UTC',
    // Else times are rounded to milliseconds, for clients of before there were finer ones.
    'X-Trino-Client-Capabilities': 'PARAMETRIC_DATETIME',
  }
  let page = await pageOf(`${url}/v1/statement`, { method: 'POST', body: sql, headers })
  let columns: TrinoResult['columns'] = []
  const rows: (readonly unknown[])[] = []
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    if (page.error !== undefined)
      throw new Error(`Trino: ${page.error.errorName}: ${withoutFrames(page.error.message)}\n${sql}`)
    if (page.columns !== undefined)
      columns = page.columns.map(({ name, typeSignature }) => ({ name, type: typeSignature }))
    rows.push(...(page.data ?? []))
    if (page.nextUri === undefined) return { queryId: page.id, columns, rows }
    page = await pageOf(page.nextUri, { headers })
  }
  throw new Error(`Trino answered ${MAX_PAGES} pages and was not done: ${sql}`)
}

async function pageOf(url: string, init: RequestInit): Promise<Page> {
  for (let tries = 0; tries < MAX_BUSY_TRIES; tries++) {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_LIMIT_MS) })
    const text = await answer.text()
    if (answer.ok) return pageSchema.parse(parseExactJson(text, `the answer of ${url}`))
    if (answer.status < 502) throw new Error(`Trino answered ${answer.status} to ${url}: ${text}`)
    await sleep(BUSY_WAIT_MS)
  }
  throw new Error(`Trino was busy ${MAX_BUSY_TRIES} times: ${url}`)
}

/** Some messages carry the whole stack of what a plugin threw. */
function withoutFrames(message: string): string {
  const lines = message.split('\n').filter(line => line.trim() !== '' && !/^\s+at /.test(line))
  return lines.slice(0, MAX_ERROR_LINES).join('\n')
}
