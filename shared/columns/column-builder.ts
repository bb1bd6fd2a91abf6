/**
 * Mutable columns in Arrow's layout, nested to any depth, and the tree of them for a schema.
 *
 * A slot is a row or, inside a list or map, an element. Slots are written in order, each with a value or `setNull`; a written slot
 * may be written again until the next one is. `truncate(length)` undoes everything at `length` and after, at any depth.
 * `finish(length)` gives views of the buffers: they are valid until the builder is truncated or written again.
 */
import type { IcebergType, NestedField } from '../iceberg/schema.ts'
import { type Arena, releaseBlock } from './arena.ts'
import type { ListColumn, MapColumn, StructColumn } from './column.ts'
import { type BuilderField, FixedBuilder, grownCapacity } from './fixed-builder.ts'
import { Validity } from './validity.ts'
import { growOffsets, VariableBuilder } from './variable-builder.ts'

export type ColumnBuilder = FixedBuilder | VariableBuilder | StructBuilder | ListBuilder | MapBuilder

export class StructBuilder {
  readonly layout = 'struct'
  readonly field: BuilderField<StructColumn['type']>
  readonly children: readonly ColumnBuilder[]
  readonly validity = new Validity()
  capacity = 0
  #arena: Arena

  constructor(field: BuilderField<StructColumn['type']>, arena: Arena) {
    this.field = field
    this.#arena = arena
    this.children = field.type.fields.map(child => createFieldBuilder(child, arena))
  }

  ensureSlots(count: number): void {
    if (count > this.capacity) {
      this.capacity = grownCapacity(this.capacity, count)
      this.validity.grow(this.#arena, this.capacity)
    }
    for (const child of this.children) child.ensureSlots(count)
  }

  /** A null struct has null children, required ones too. */
  setNull(slot: number): void {
    this.validity.clear(slot)
    for (const child of this.children) child.setNull(slot)
  }

  truncate(length: number): void {
    this.validity.truncate(length)
    for (const child of this.children) child.truncate(length)
  }

  /** Gives the memory back to the arena; the builder is as new. */
  release(): void {
    this.validity.release(this.#arena)
    this.capacity = 0
    for (const child of this.children) child.release()
  }

  sizeBytes(length: number): number {
    let size = (length + 7) >>> 3
    for (const child of this.children) size += child.sizeBytes(length)
    return size
  }

  finish(length: number): StructColumn {
    return {
      layout: 'struct',
      ...this.field,
      length,
      nullCount: this.validity.countNulls(length),
      validity: this.validity.seal(length),
      children: this.children.map(child => child.finish(length)),
    }
  }
}

/** What lists and maps share: offsets into the slots of their children. */
class RepeatedBuilder {
  readonly validity = new Validity()
  capacity = 0
  offsets: Int32Array = new Int32Array(0)
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  ensureSlots(count: number): void {
    if (count <= this.capacity) return
    const capacity = grownCapacity(this.capacity, count)
    this.offsets = growOffsets(this.#arena, this.offsets, this.capacity, capacity)
    this.validity.grow(this.#arena, capacity)
    this.capacity = capacity
  }

  setNull(slot: number): void {
    this.validity.clear(slot)
    this.offsets[slot + 1] = this.offsets[slot] ?? 0
  }

  /** First child slot of a slot whose predecessors are written. */
  firstChild(slot: number): number {
    return this.offsets[slot] ?? 0
  }

  /** Ends a slot: its children are `firstChild(slot) .. endChild`. */
  endSlot(slot: number, endChild: number): void {
    this.offsets[slot + 1] = endChild
  }

  protected releaseOwn(): void {
    releaseBlock(this.#arena, this.offsets)
    this.validity.release(this.#arena)
    this.offsets = new Int32Array(0)
    this.capacity = 0
  }

  protected ownBytes(length: number): number {
    return ((length + 7) >>> 3) + 4 * (length + 1)
  }

  protected finishOwn(length: number) {
    this.ensureSlots(1)
    return {
      length,
      nullCount: this.validity.countNulls(length),
      validity: this.validity.seal(length),
      offsets: this.offsets.subarray(0, length + 1),
    }
  }
}

export class ListBuilder extends RepeatedBuilder {
  readonly layout = 'list'
  readonly field: BuilderField<ListColumn['type']>
  readonly element: ColumnBuilder

  constructor(field: BuilderField<ListColumn['type']>, arena: Arena) {
    super(arena)
    const { elementId, elementRequired, element } = field.type
    this.field = field
    this.element = createColumnBuilder(
      { fieldId: elementId, name: 'element', required: elementRequired, type: element },
      arena,
    )
  }

  truncate(length: number): void {
    this.validity.truncate(length)
    this.element.truncate(this.firstChild(length))
  }

  release(): void {
    this.releaseOwn()
    this.element.release()
  }

  sizeBytes(length: number): number {
    return this.ownBytes(length) + this.element.sizeBytes(this.firstChild(length))
  }

  finish(length: number): ListColumn {
    const own = this.finishOwn(length)
    return { layout: 'list', ...this.field, ...own, element: this.element.finish(this.firstChild(length)) }
  }
}

export class MapBuilder extends RepeatedBuilder {
  readonly layout = 'map'
  readonly field: BuilderField<MapColumn['type']>
  readonly key: ColumnBuilder
  readonly value: ColumnBuilder

  constructor(field: BuilderField<MapColumn['type']>, arena: Arena) {
    super(arena)
    const { keyId, key, valueId, valueRequired, value } = field.type
    this.field = field
    this.key = createColumnBuilder({ fieldId: keyId, name: 'key', required: true, type: key }, arena)
    this.value = createColumnBuilder(
      { fieldId: valueId, name: 'value', required: valueRequired, type: value },
      arena,
    )
  }

  truncate(length: number): void {
    this.validity.truncate(length)
    this.key.truncate(this.firstChild(length))
    this.value.truncate(this.firstChild(length))
  }

  release(): void {
    this.releaseOwn()
    this.key.release()
    this.value.release()
  }

  sizeBytes(length: number): number {
    const entries = this.firstChild(length)
    return this.ownBytes(length) + this.key.sizeBytes(entries) + this.value.sizeBytes(entries)
  }

  finish(length: number): MapColumn {
    const own = this.finishOwn(length)
    const entries = this.firstChild(length)
    return {
      layout: 'map',
      ...this.field,
      ...own,
      key: this.key.finish(entries),
      value: this.value.finish(entries),
    }
  }
}

/** A builder for a column of any type, over blocks of `arena`. */
export function createColumnBuilder(field: BuilderField<IcebergType>, arena: Arena): ColumnBuilder {
  const { fieldId, name, required, type } = field
  switch (type.kind) {
    case 'struct':
      return new StructBuilder({ fieldId, name, required, type }, arena)
    case 'list':
      return new ListBuilder({ fieldId, name, required, type }, arena)
    case 'map':
      return new MapBuilder({ fieldId, name, required, type }, arena)
    case 'string':
    case 'binary':
      return new VariableBuilder({ fieldId, name, required, type }, arena)
    default:
      return new FixedBuilder({ fieldId, name, required, type }, arena)
  }
}

export function createFieldBuilder(field: NestedField, arena: Arena): ColumnBuilder {
  const { id, name, required, type } = field
  return createColumnBuilder({ fieldId: id, name, required, type }, arena)
}
