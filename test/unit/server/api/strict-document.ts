/** Holds answers against the OpenAPI document as it is served, with no room for fields that it does not name. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { z } from 'zod'

const documentSchema = z.looseObject({
  openapi: z.literal('3.1.0'),
  paths: z.record(
    z.string(),
    z.object({
      get: z.object({
        operationId: z.string(),
        parameters: z.array(
          z.object({
            name: z.string(),
            in: z.enum(['path', 'query']),
            required: z.boolean(),
            schema: z.unknown(),
          }),
        ),
        responses: z.object({
          200: z.object({ content: z.record(z.string(), z.object({ schema: z.unknown() })) }),
        }),
      }),
    }),
  ),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
})
export type ApiDocument = z.infer<typeof documentSchema>

export interface StrictDocument {
  readonly document: ApiDocument
  /** What is wrong with a 200 of this path, in words; empty when nothing is. */
  problemsOf(path: string, contentType: string | null, body: unknown): readonly string[]
  /** Against a named schema. */
  problemsWith(schema: string, body: unknown): readonly string[]
}

export function strictDocument(served: unknown): StrictDocument {
  const document = documentSchema.parse(served)
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'https://api.test/', components: closed(document.components) })
  const check = (schema: unknown, body: unknown) => {
    const validate = ajv.compile(z.record(z.string(), z.unknown()).parse(closed(schema)))
    validate(body)
    return (validate.errors ?? []).map(
      error => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`,
    )
  }
  return {
    document,
    problemsOf(path, contentType, body) {
      const media = contentType?.split(';')[0] ?? ''
      const schema = document.paths[path]?.get.responses[200].content[media]?.schema
      return schema === undefined ? [`${path} does not answer ${media}`] : check(schema, body)
    },
    problemsWith: (schema, body) => check({ $ref: `#/components/schemas/${schema}` }, body),
  }
}

/** Every object that names its properties may have no other, and references lead into the document. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const parts = Object.entries(schema).map(([key, value]) => [
    key,
    key === '$ref' && typeof value === 'string' ? value.replace('#/', 'https://api.test/#/') : closed(value),
  ])
  const isObject = Object.hasOwn(schema, 'properties') && Object.hasOwn(schema, 'type')
  return {
    ...Object.fromEntries(parts),
    ...(isObject && !Object.hasOwn(schema, 'additionalProperties') && { additionalProperties: false }),
  }
}
