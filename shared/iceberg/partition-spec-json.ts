/** Partition specs as JSON (table spec, appendix C). Manifest headers carry the fields array alone, metadata files the whole spec. */
import { z } from 'zod'
import type { ExactJson } from './exact-json.ts'
import { malformed } from './iceberg-error.ts'
import type { PartitionField, PartitionSpec } from './partition-spec.ts'
import { parseTransform, transformText } from './transforms.ts'

export function partitionFieldsToJson(spec: PartitionSpec): ExactJson {
  return spec.fields.map(field => ({
    name: field.name,
    transform: transformText(field.transform),
    'source-id': field.sourceId,
    'field-id': field.fieldId,
  }))
}

export function partitionSpecToJson(spec: PartitionSpec): ExactJson {
  return { 'spec-id': spec.specId, fields: partitionFieldsToJson(spec) }
}

const fieldsJson = z.array(
  z.object({
    name: z.string(),
    transform: z.string(),
    'source-id': z.number().int(),
    'field-id': z.number().int(),
  }),
)
const specJson = z.object({ 'spec-id': z.number().int().nonnegative(), fields: z.unknown() })

export function partitionFieldsFromJson(json: unknown, what: string): readonly PartitionField[] {
  const parsed = fieldsJson.safeParse(json)
  if (!parsed.success)
    throw malformed(what, `not partition fields: ${z.prettifyError(parsed.error)}`, parsed.error)
  return parsed.data.map(field => ({
    sourceId: field['source-id'],
    fieldId: field['field-id'],
    name: field.name,
    transform: parseTransform(field.transform, what),
  }))
}

export function partitionSpecFromJson(json: unknown, what: string): PartitionSpec {
  const parsed = specJson.safeParse(json)
  if (!parsed.success)
    throw malformed(what, `not a partition spec: ${z.prettifyError(parsed.error)}`, parsed.error)
  return { specId: parsed.data['spec-id'], fields: partitionFieldsFromJson(parsed.data.fields, what) }
}
