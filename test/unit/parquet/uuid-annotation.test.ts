import { describe, expect, test } from 'vitest'
import type { ThriftValue } from '../../../shared/parquet/thrift-compact.ts'
import {
  annotateUuids,
  uuidFieldIds,
  uuidLeaves,
  withoutBounds,
} from '../../../shared/parquet/uuid-annotation.ts'
import { EVERY_TYPE_SCHEMA } from './every-type.ts'

function element(fieldId: number): ThriftValue {
  return { kind: 'struct', fields: new Map([[9, { kind: 'int', wire: 'i32', value: fieldId }]]) }
}

describe('uuidFieldIds', () => {
  test('finds uuids at the top, in a struct, and in a list that is a map value', () => {
    expect([...uuidFieldIds(EVERY_TYPE_SCHEMA)].sort((a, b) => a - b)).toEqual([14, 22, 33])
  })
})

describe('annotateUuids', () => {
  test('adds the logical type to the fields named, and to no other', () => {
    const list: ThriftValue = { kind: 'list', elementCode: 12, items: [element(1), element(2)] }
    const annotated = annotateUuids(list, new Set([2]))
    expect(annotated).toMatchObject({ kind: 'list', items: [element(1), { kind: 'struct' }] })
    const second = annotated.kind === 'list' ? annotated.items[1] : undefined
    const logical = second?.kind === 'struct' ? second.fields.get(10) : undefined
    expect(logical).toEqual({
      kind: 'struct',
      fields: new Map([[14, { kind: 'struct', fields: new Map() }]]),
    })
  })

  test('a schema without uuids is returned as it is', () => {
    const list: ThriftValue = { kind: 'list', elementCode: 12, items: [element(1)] }
    expect(annotateUuids(list, new Set())).toBe(list)
  })
})

describe('uuidLeaves', () => {
  test('counts leaves only, as the chunks of a row group do', () => {
    const group: ThriftValue = {
      kind: 'struct',
      fields: new Map([[5, { kind: 'int', wire: 'i32', value: 2 }]]),
    }
    const list: ThriftValue = {
      kind: 'list',
      elementCode: 12,
      items: [group, element(1), group, element(2), element(3)],
    }
    expect([...uuidLeaves(list, new Set([2, 3]))]).toEqual([1, 2])
  })
})

describe('withoutBounds', () => {
  test('keeps the null count and takes every spelling of least and most away', () => {
    const bound: ThriftValue = { kind: 'binary', bytes: Uint8Array.of(1) }
    const nulls: ThriftValue = { kind: 'i64', value: 3n }
    const fields = new Map([1, 2, 5, 6].map((id): [number, ThriftValue] => [id, bound])).set(3, nulls)
    const metaData = new Map<number, ThriftValue>([[12, { kind: 'struct', fields }]])
    expect(withoutBounds(metaData)).toEqual(
      new Map([[12, { kind: 'struct', fields: new Map([[3, nulls]]) }]]),
    )
  })
})
