/** A digest of what a batch holds, column by column: equal batches have equal digests. For tests that hold two decoders together. */
import { createHash } from 'node:crypto'
import { unreachable } from '../runtime/errors.ts'
import type { Column, ColumnBatch } from './column.ts'

/** One line per column, nested ones indented by path: `path length nulls hash`. */
export function digestBatch(batch: ColumnBatch): string[] {
  return [`rows ${batch.rowCount}`, ...batch.columns.flatMap(column => digestColumn(column, column.name))]
}

function digestColumn(column: Column, path: string): string[] {
  const { fieldId, length, nullCount, validity } = column
  const line = (...buffers: (Uint8Array | Int32Array)[]) => {
    const hash = createHash('sha1')
    for (const buffer of [validity, ...buffers]) {
      hash
        .update(`${buffer.byteLength}:`)
        .update(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength))
    }
    return `${path}#${fieldId} length ${length} nulls ${nullCount} ${hash.digest('hex').slice(0, 16)}`
  }
  switch (column.layout) {
    case 'fixed':
      return [line(column.data)]
    case 'variable':
      return [line(column.offsets, column.values)]
    case 'struct':
      return [line(), ...column.children.flatMap(child => digestColumn(child, `${path}.${child.name}`))]
    case 'list':
      return [line(column.offsets), ...digestColumn(column.element, `${path}[]`)]
    case 'map':
      return [
        line(column.offsets),
        ...digestColumn(column.key, `${path}{key}`),
        ...digestColumn(column.value, `${path}{value}`),
      ]
    default:
      return unreachable(column)
  }
}
