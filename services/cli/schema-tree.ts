/** A schema and a partition spec as lines: one for each column, element, key and value, with its id, indented by its depth. */
import type { PartitionSpec } from '../../shared/iceberg/partition-spec.ts'
import type { IcebergType, NestedField, Schema } from '../../shared/iceberg/schema.ts'
import { primitiveText } from '../../shared/iceberg/schema-json.ts'
import { findColumnById } from '../../shared/iceberg/schema-lookup.ts'
import { transformText } from '../../shared/iceberg/transforms.ts'

export function schemaTree({ fields }: Pick<Schema, 'fields'>): readonly string[] {
  return linesOf(fields, '')
}

function linesOf(fields: readonly NestedField[], indent: string): readonly string[] {
  return fields.flatMap(({ id, name, type, required, doc }) =>
    partLines({ id, name, type, required, ...(doc !== undefined && { doc }) }, indent),
  )
}

interface Part {
  readonly id: number
  readonly name: string
  readonly type: IcebergType
  readonly required: boolean
  readonly doc?: string
}

function partLines(part: Part, indent: string): readonly string[] {
  const { id, name, type, required, doc } = part
  const below = `${indent}  `
  const line = (kind: string) =>
    `${indent}${id} ${name}: ${kind}${required ? ' required' : ''}${doc === undefined ? '' : ` (${doc})`}`
  switch (type.kind) {
    case 'struct':
      return [line('struct'), ...linesOf(type.fields, below)]
    case 'list': {
      const element = { id: type.elementId, type: type.element, required: type.elementRequired }
      return [line('list'), ...partLines({ name: 'element', ...element }, below)]
    }
    case 'map': {
      const value = { id: type.valueId, type: type.value, required: type.valueRequired }
      return [
        line('map'),
        ...partLines({ id: type.keyId, name: 'key', type: type.key, required: true }, below),
        ...partLines({ name: 'value', ...value }, below),
      ]
    }
    default:
      return [line(primitiveText(type))]
  }
}

/** `1000 at_day = day(at)`; nothing for a table without partitions. */
export function specLines(spec: PartitionSpec, schema: Schema): readonly string[] {
  return spec.fields.map(({ fieldId, name, transform, sourceId }) => {
    const source = findColumnById(schema, sourceId)?.name ?? `column ${sourceId}`
    return `${fieldId} ${name} = ${transformText(transform)}(${source})`
  })
}
