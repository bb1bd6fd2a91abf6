/** The JSON Schema of tidewater.yaml, for editors; made from the same definition that checks the file. */
import { z } from 'zod'
import { fileSchema } from './file-schema.ts'

/** Draft 7, which the YAML plug-ins of editors read best. */
export function tidewaterJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(fileSchema, { target: 'draft-7', io: 'input' })
  return {
    $schema,
    title: 'tidewater.yaml',
    description: 'Which Kafka topics, landed as .kfs segments, become which Apache Iceberg tables.',
    ...schema,
  }
}
