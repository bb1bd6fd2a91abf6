/** A partition spec bound to a schema: the source column, name and result type of each partition field. */
import { AppError } from '../runtime/errors.ts'
import type { PartitionField, PartitionSpec } from './partition-spec.ts'
import type { PrimitiveType, Schema } from './schema.ts'
import { type ColumnPosition, findColumnById, isPrimitive } from './schema-lookup.ts'
import { resultType, transformText } from './transforms.ts'

export interface BoundPartitionField extends PartitionField {
  readonly source: ColumnPosition
  readonly sourceType: PrimitiveType
  /** The transform's result type: what manifests and partition summaries hold. */
  readonly type: PrimitiveType
}

/** Throws `partition-source-missing` when a source column is not in the schema, or is not of a type that the transform takes. */
export function partitionType(spec: PartitionSpec, schema: Schema): readonly BoundPartitionField[] {
  return spec.fields.map(field => {
    const source = findColumnById(schema, field.sourceId)
    if (source !== undefined && isPrimitive(source.field.type)) {
      const type = resultType(field.transform, source.field.type)
      if (type !== undefined) return { ...field, source, sourceType: source.field.type, type }
    }
    throw new AppError({
      code: 'partition-source-missing',
      next: 'park',
      message: `Partition field "${field.name}" (${transformText(field.transform)} of column ${field.sourceId}) of spec ${spec.specId} cannot be bound to schema ${schema.schemaId}: that column is ${source === undefined ? 'not in the schema' : `a ${source.field.type.kind}`}.`,
      details: { specId: spec.specId, schemaId: schema.schemaId, sourceId: field.sourceId },
    })
  })
}
