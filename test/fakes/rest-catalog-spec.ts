/** Holds answers of the catalog against the Iceberg project's OpenAPI file: `test/golden/rest-catalog`. */
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

const FILE = new URL('../golden/rest-catalog/rest-catalog-open-api.yaml', import.meta.url)
const METHODS = ['get', 'post', 'put', 'head', 'delete']

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
const spec = nullableTypes(parse(readFileSync(FILE, 'utf8')))
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
ajv.addSchema({ $id: 'spec', ...asObject(spec) })
const validators = new Map<string, ValidateFunction>()

export interface Operation {
  readonly id: string
  readonly method: string
  /** With `{names}` of parameters. */
  readonly path: string
  /** JSON pointers of the schemas of its answers, by status such as `200` or `5XX`; `undefined` for one without a body. */
  readonly answers: ReadonlyMap<string, string | undefined>
}

export const OPERATIONS: readonly Operation[] = Object.entries(asObject(at('/paths'))).flatMap(
  ([path, item]) =>
    Object.entries(asObject(item))
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({
        id: String(asObject(operation).operationId),
        method: method.toUpperCase(),
        path,
        answers: answersOf(`/paths/${escaped(path)}/${method}/responses`),
      })),
)

/** What the specification finds wrong with an answer of the operation with this id; empty when nothing. */
export function problemsOfAnswer(id: string, status: number, body: string): readonly string[] {
  const operation = OPERATIONS.find(known => known.id === id)
  if (operation === undefined) throw new Error(`the specification has no operation ${id}`)
  const known = [String(status), `${Math.floor(status / 100)}XX`].find(key => operation.answers.has(key))
  if (known === undefined) return [`${id} has no answer ${status}`]
  const pointer = operation.answers.get(known)
  if (pointer === undefined || operation.method === 'HEAD') {
    return body === '' ? [] : [`${id} answers ${status} without a body, found ${body}`]
  }
  const isInner = asObject(at(pointer)).$ref === INNER_ERROR
  return problemsBySchema(isInner ? WRAPPED_ERROR : pointer, JSON.parse(body))
}

/** The same for a schema of the specification by its name. */
export function problemsOfSchema(name: string, value: unknown): readonly string[] {
  return problemsBySchema(`/components/schemas/${name}`, value)
}

/** A few operations name the inner model of an error, while the example beside shows the wrapped one, which clients parse. */
const INNER_ERROR = '#/components/schemas/ErrorModel'
const WRAPPED_ERROR = '/components/schemas/IcebergErrorResponse'

function problemsBySchema(pointer: string, value: unknown): readonly string[] {
  let validate = validators.get(pointer)
  if (validate === undefined) {
    validate = ajv.compile({ $ref: `spec#${encodeURI(pointer)}` })
    validators.set(pointer, validate)
  }
  if (validate(value)) return []
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`)
}

function answersOf(pointer: string): ReadonlyMap<string, string | undefined> {
  return new Map(
    Object.entries(asObject(at(pointer))).map(([status, answer]) => {
      const { $ref } = asObject(answer)
      const where = typeof $ref === 'string' ? $ref.slice(1) : `${pointer}/${status}`
      const hasBody = asObject(at(where)).content !== undefined
      return [status, hasBody ? `${where}/content/${escaped('application/json')}/schema` : undefined]
    }),
  )
}

function at(pointer: string): Json {
  return pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<Json>((value, part) => asObject(value)[part] ?? null, spec)
}

function escaped(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1')
}

function asObject(value: Json): { [key: string]: Json } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new Error(`the specification has ${JSON.stringify(value)} where an object belongs`)
}

/** The file says `nullable: true`, which OpenAPI 3.1 no longer knows, next to `type`. */
function nullableTypes(value: Json): Json {
  if (Array.isArray(value)) return value.map(nullableTypes)
  if (typeof value !== 'object' || value === null) return value
  const { nullable, ...rest } = value
  const inner = Object.fromEntries(Object.entries(rest).map(([key, part]) => [key, nullableTypes(part)]))
  return nullable === true && typeof inner.type === 'string'
    ? { ...inner, type: [inner.type, 'null'] }
    : inner
}
