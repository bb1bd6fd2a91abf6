/**
 * What a route of the API is: its path, the zod schemas of what it takes and answers, and what it does. The same value registers it, checks
 * requests and writes its part of the OpenAPI document, so that the three cannot differ.
 */
import { z } from 'zod'
import type { Config } from '../../../shared/config/config.ts'
import { integerIn, oneOf, type ScalarParser } from '../../../shared/config/scalars.ts'
import { scalar } from '../../../shared/config/schema-values.ts'
import type { MetadataStore } from '../../../shared/metadata/metadata-store.ts'
import type { ObjectStore } from '../../../shared/object-store/object-store.ts'
import { HttpError } from '../problem.ts'
import type { DescribedTables } from './described-tables.ts'

export const DEFAULT_PAGE_SIZE = 100
export const MAX_PAGE_SIZE = 1000
const MAX_SHOWN_LENGTH = 100

export interface ApiContext {
  readonly config: Config
  readonly metadata: MetadataStore
  readonly warehouse: ObjectStore
  readonly tables: DescribedTables
}

/** A request whose parameters have been checked. */
export interface ApiRequest<P, Q> {
  readonly params: P
  readonly query: Q
}

export interface ApiRoute {
  /** With parameters in braces: `/tables/{name}`, below `/api/v1`. */
  readonly path: string
  /** Unique, for generated clients. */
  readonly operationId: string
  readonly summary: string
  readonly params: z.ZodObject
  readonly query: z.ZodObject
  readonly answer: z.ZodType
  readonly contentType: string
  /** Errors: HttpError 400 `query-invalid`, 404 `table-not-found`, and what `handle` throws. */
  handle(context: ApiContext, request: ApiRequest<unknown, unknown>): Promise<unknown>
}

interface RouteDefinition<P extends z.ZodObject, Q extends z.ZodObject, A extends z.ZodType>
  extends Pick<ApiRoute, 'path' | 'operationId' | 'summary'> {
  readonly params?: P
  readonly query?: Q
  readonly answer: A
  readonly contentType?: string
  handle(context: ApiContext, request: ApiRequest<z.output<P>, z.output<Q>>): Promise<z.input<A>>
}

const nothing = z.strictObject({})

export function route<
  A extends z.ZodType,
  P extends z.ZodObject = typeof nothing,
  Q extends z.ZodObject = typeof nothing,
>(definition: RouteDefinition<P, Q, A>): ApiRoute {
  const { params, query } = definition
  return {
    contentType: 'application/json; charset=utf-8',
    ...definition,
    params: params ?? nothing,
    query: query ?? nothing,
    handle: (context, request) =>
      definition.handle(context, {
        params: parse(params ?? nothing, request.params) as z.output<P>,
        query: parse(query ?? nothing, request.query) as z.output<Q>,
      }),
  }
}

function parse(schema: z.ZodObject, given: unknown): unknown {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.flatMap(issue => describe(issue, schema, given))
  throw new HttpError(400, 'query-invalid', problems.join(' '))
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodObject, given: unknown): string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape)
    const there = known.length === 0 ? 'This route takes none.' : `This route takes ${known.join(', ')}.`
    return issue.keys.map(key => `Unknown query parameter ${shown(key)}. ${there}`)
  }
  const name = String(issue.path[0])
  const value: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, name) : undefined
  const expected = issue.code === 'custom' ? `expected ${String(issue.params?.expected)}` : issue.message
  return [`${name}: ${expected}, found ${Array.isArray(value) ? 'several values' : shown(value)}.`]
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length <= MAX_SHOWN_LENGTH ? text : `${text.slice(0, MAX_SHOWN_LENGTH)}…`
}

// ---- parameters --------------------------------------------------------------------------------------------------

export const limitParameter = scalar(
  integerIn(1, MAX_PAGE_SIZE),
  { type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE },
  'At most this many.',
).prefault(DEFAULT_PAGE_SIZE)

export const pageParameter = z
  .string()
  .meta({ description: 'Where to go on: next_page of the answer before, as it is.' })
  .optional()

export const tableParameter = z.string().meta({ description: 'Name of a table: analytics.orders.' })

/** Several words with commas between them, each at most once. */
export function wordsParameter<T extends string>(words: readonly T[], description: string) {
  const one = oneOf(words)
  const parseWords: ScalarParser<readonly T[]> = value => {
    const parsed = typeof value === 'string' ? value.split(',').map(one) : [one(value)]
    const wrong = parsed.find(result => !result.ok)
    if (wrong !== undefined && !wrong.ok) return wrong
    return { ok: true, value: parsed.flatMap(result => (result.ok ? [result.value] : [])) }
  }
  const pattern = `^(${words.join('|')})(,(${words.join('|')}))*$`
  return scalar(
    parseWords,
    { type: 'string', pattern },
    `${description} Several with commas between them: ${words.join(', ')}.`,
  )
}

/** A 64-bit integer in decimal. */
export function idParameter(description: string) {
  const parseId: ScalarParser<bigint> = value =>
    typeof value === 'string' && /^\d{1,18}$/.test(value)
      ? { ok: true, value: BigInt(value) }
      : { ok: false, expected: 'a whole number from 0' }
  return scalar(parseId, { type: 'integer', format: 'int64', minimum: 0 }, description)
}

export async function findTable(metadata: MetadataStore, name: string) {
  const table = await metadata.loadTable(name)
  if (table !== undefined) return table
  throw tableNotFound(name)
}

export function tableNotFound(name: string): HttpError {
  return new HttpError(
    404,
    'table-not-found',
    `There is no table ${shown(name)}. GET /api/v1/tables lists them.`,
  )
}
