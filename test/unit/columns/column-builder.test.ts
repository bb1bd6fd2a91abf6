import { describe, expect, test } from 'vitest'
import { createArena } from '../../../shared/columns/arena.ts'
import type { Column } from '../../../shared/columns/column.ts'
import {
  type ColumnBuilder,
  createColumnBuilder,
  ListBuilder,
  StructBuilder,
} from '../../../shared/columns/column-builder.ts'
import { valueAt } from '../../../shared/columns/column-values.ts'
import { FixedBuilder } from '../../../shared/columns/fixed-builder.ts'
import { VariableBuilder } from '../../../shared/columns/variable-builder.ts'
import type { IcebergType } from '../../../shared/iceberg/schema.ts'
import { listOf, optional, structOf } from '../decode/decode-json.ts'

function builderOf<T extends ColumnBuilder>(type: IcebergType, kind: new (...args: never[]) => T): T {
  const builder = createColumnBuilder({ fieldId: 1, name: 'v', required: false, type }, createArena())
  if (!(builder instanceof kind)) throw new Error(`a ${type.kind} has another builder`)
  return builder
}

const values = (column: Column) => Array.from({ length: column.length }, (_, slot) => valueAt(column, slot))

describe('fixed-width columns', () => {
  test('every width keeps its values while it grows past its first capacity', () => {
    const long = builderOf({ kind: 'long' }, FixedBuilder)
    const decimal = builderOf({ kind: 'decimal', precision: 38, scale: 0 }, FixedBuilder)
    const boolean = builderOf({ kind: 'boolean' }, FixedBuilder)
    const fixed = builderOf({ kind: 'fixed', length: 3 }, FixedBuilder)
    const count = 5000
    for (let slot = 0; slot < count; slot++) {
      for (const column of [long, decimal, boolean, fixed]) column.ensureSlots(slot + 1)
      long.setInt64(slot, BigInt(slot) - 2500n)
      decimal.setInt128(slot, (BigInt(slot) - 2500n) * 10n ** 30n)
      boolean.setBoolean(slot, slot % 3 === 0)
      fixed.setBytes(slot, Uint8Array.of(slot & 255, 1, 2))
    }
    const slots = Array.from({ length: count }, (_, slot) => slot)
    expect(values(long.finish(count))).toEqual(slots.map(slot => BigInt(slot) - 2500n))
    expect(values(decimal.finish(count))).toEqual(slots.map(slot => (BigInt(slot) - 2500n) * 10n ** 30n))
    expect(values(boolean.finish(count))).toEqual(slots.map(slot => slot % 3 === 0))
    expect(values(fixed.finish(count))).toEqual(slots.map(slot => Uint8Array.of(slot & 255, 1, 2)))
  })

  test('a null slot holds zero bytes, also where a value stood before', () => {
    for (const type of [{ kind: 'int' }, { kind: 'long' }, { kind: 'uuid' }, { kind: 'boolean' }] as const) {
      const column = builderOf(type, FixedBuilder)
      column.ensureSlots(10)
      column.bytes.fill(255)
      for (let slot = 0; slot < 10; slot++) column.setNull(slot)
      const { data, validity, nullCount } = column.finish(10)
      expect([...data].every(byte => byte === 0)).toBe(true)
      expect([...validity]).toEqual([0, 0])
      expect(nullCount).toBe(10)
    }
  })

  test('bits past the length are clear in a finished column, and count again after a truncation', () => {
    const column = builderOf({ kind: 'int' }, FixedBuilder)
    column.ensureSlots(20)
    for (let slot = 0; slot < 3; slot++) column.setInt32(slot, 7)
    expect([...column.finish(3).validity]).toEqual([0b111])
    column.truncate(0)
    for (let slot = 0; slot < 11; slot++) column.setInt32(slot, slot)
    expect([...column.finish(11).validity]).toEqual([255, 0b111])
    expect(column.finish(11).nullCount).toBe(0)
  })

  test('a value of another width than the column breaks an invariant', () => {
    const column = builderOf({ kind: 'fixed', length: 3 }, FixedBuilder)
    column.ensureSlots(1)
    expect(() => column.setBytes(0, Uint8Array.of(1))).toThrow('3 bytes')
  })
})

describe('variable columns', () => {
  test('text and bytes keep their values while they grow', () => {
    const column = builderOf({ kind: 'string' }, VariableBuilder)
    const texts = Array.from({ length: 3000 }, (_, i) => (i % 7 === 0 ? '' : `é${'x'.repeat(i % 50)}`))
    for (const [slot, text] of texts.entries()) {
      column.ensureSlots(slot + 1)
      column.setText(slot, text)
    }
    expect(values(column.finish(3000))).toEqual(texts)
  })

  test('writing a slot again replaces it', () => {
    const column = builderOf({ kind: 'string' }, VariableBuilder)
    column.ensureSlots(2)
    column.setText(0, 'long text that goes')
    column.setText(0, 'a')
    column.setRange(1, Uint8Array.from(Buffer.from('-bc-')), { start: 1, end: 3 })
    expect(values(column.finish(2))).toEqual(['a', 'bc'])
    expect(column.finish(2).values.length).toBe(3)
  })

  test.each([0, 1, 2, 3, 7, 1000])(
    'a value repeated %i times stands in each of the slots, and writing goes on behind them',
    count => {
      const column = builderOf({ kind: 'string' }, VariableBuilder)
      column.ensureSlots(count + 3)
      column.setText(0, 'before')
      column.setRepeated(1, count, Uint8Array.from(Buffer.from('abc')))
      column.setRepeated(count + 1, 1, new Uint8Array(0))
      column.setText(count + 2, 'after')
      const expected = ['before', ...Array.from({ length: count }, () => 'abc'), '', 'after']
      expect(values(column.finish(count + 3))).toEqual(expected)
    },
  )

  test('a column without rows has one offset', () => {
    expect([...builderOf({ kind: 'binary' }, VariableBuilder).finish(0).offsets]).toEqual([0])
  })
})

describe('nested columns', () => {
  const type = listOf(structOf(optional('t', { kind: 'string' }, 2), optional('n', { kind: 'int' }, 3)))

  function write(column: ListBuilder, slot: number, items: ([string, number] | null)[]) {
    const { element } = column
    if (!(element instanceof StructBuilder)) throw new Error('structs')
    const [text, number] = element.children
    if (!(text instanceof VariableBuilder && number instanceof FixedBuilder))
      throw new Error('a string and an int')
    const first = column.firstChild(slot)
    column.ensureSlots(slot + 1)
    element.ensureSlots(first + items.length)
    for (const [i, item] of items.entries()) {
      if (item === null) element.setNull(first + i)
      else {
        text.setText(first + i, item[0])
        number.setInt32(first + i, item[1])
      }
    }
    column.endSlot(slot, first + items.length)
  }

  test('a truncated row leaves no nulls behind at any depth', () => {
    const column = builderOf(type, ListBuilder)
    write(column, 0, [['a', 1], null])
    write(column, 1, [null, null, null])
    column.truncate(1)
    write(column, 1, [
      ['b', 2],
      ['c', 3],
    ])
    const finished = column.finish(2)
    expect(values(finished)).toEqual([
      [{ t: 'a', n: 1 }, null],
      [
        { t: 'b', n: 2 },
        { t: 'c', n: 3 },
      ],
    ])
    expect([finished.element.length, finished.element.nullCount]).toEqual([4, 1])
  })

  test('released memory serves the next builder over the same arena', () => {
    const arena = createArena()
    const column = createColumnBuilder({ fieldId: 1, name: 'v', required: false, type }, arena)
    if (!(column instanceof ListBuilder)) throw new Error('a list')
    for (let round = 0; round < 3; round++) {
      for (let slot = 0; slot < 5000; slot++) write(column, slot, [['some text', slot], null])
      expect(valueAt(column.finish(5000), 4999)).toEqual([{ t: 'some text', n: 4999 }, null])
      column.release()
    }
    const afterThree = arena.reservedBytes
    for (let slot = 0; slot < 5000; slot++) write(column, slot, [['some text', slot], null])
    expect(arena.reservedBytes).toBe(afterThree)
  })
})
