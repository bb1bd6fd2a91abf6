/** The OpenAPI 3.1 document of the API, written from the routes themselves. */
import { z } from 'zod'
import { answers } from './answers.ts'
import type { ApiRoute } from './route.ts'

export const API_PREFIX = '/api/v1'
/** Of the API: its first number rises with the path when something breaks. */
const API_VERSION = '1.0.0'

export type JsonObject = { readonly [key: string]: unknown }

export function openApiDocument(routes: readonly ApiRoute[]): JsonObject {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tidewater',
      version: API_VERSION,
      description:
        'What a running Tidewater knows of its tables, dead letters and events. It only reads. Names are stable; new fields may appear. Offsets, ids and counts are JSON integers of up to 64 bits: read them with a parser that keeps them. The Iceberg REST catalog is below /catalog and described by the Iceberg project.',
    },
    servers: [{ url: API_PREFIX }],
    security: [{ bearer: [] }],
    paths: Object.fromEntries(routes.map(route => [route.path, { get: operationOf(route) }])),
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'server.token of tidewater.yaml; without one, requests carry none.',
        },
      },
    },
  }
}

function operationOf(route: ApiRoute): JsonObject {
  const { operationId, summary, contentType, answer } = route
  const id = answers.get(answer)?.id
  const schema = id === undefined ? schemaOf(answer, 'output') : { $ref: `#/components/schemas/${id}` }
  return {
    operationId,
    summary,
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    responses: {
      200: { description: summary, content: { [mediaType(contentType)]: { schema } } },
      default: {
        description: 'The request was refused or failed; code says why.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

const mediaType = (contentType: string) => contentType.split(';')[0] ?? contentType

const parametersSchema = z.object({
  properties: z.record(z.string(), z.looseObject({ description: z.string().optional() })),
  required: z.array(z.string()).default([]),
})

function parametersOf(parameters: z.ZodObject, place: 'path' | 'query'): readonly JsonObject[] {
  const { properties, required } = parametersSchema.parse(schemaOf(parameters, 'input'))
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }))
}

function componentSchemas(): JsonObject {
  const { schemas } = z.toJSONSchema(answers, { ...OPTIONS, uri: id => `#/components/schemas/${id}` })
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema, $id, ...schema }]) => [id, schema]))
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const { $schema, ...json } = z.toJSONSchema(schema, { ...OPTIONS, io })
  return json
}

const OPTIONS: z.core.ToJSONSchemaParams = {
  target: 'draft-2020-12',
  unrepresentable: 'any',
  override({ zodSchema, jsonSchema }) {
    const { type } = zodSchema._zod.def
    if (type === 'bigint') Object.assign(jsonSchema, { type: 'integer', format: 'int64' })
    // New fields may appear in answers, and what is read-only is everything.
    if (type === 'object') delete jsonSchema.additionalProperties
    if (type === 'readonly') delete jsonSchema.readOnly
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  },
}
