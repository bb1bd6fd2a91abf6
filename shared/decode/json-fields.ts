/** The tree that JSON decoders walk: each builder of a batch with the options of its field. */
import type { ColumnBuilder, ListBuilder, MapBuilder, StructBuilder } from '../columns/column-builder.ts'
import type { FixedBuilder } from '../columns/fixed-builder.ts'
import type { VariableBuilder } from '../columns/variable-builder.ts'
import { AppError, unreachable } from '../runtime/errors.ts'
import type { EpochUnit, FieldOptions, FieldOptionsById } from './field-options.ts'

export type JsonField =
  | { readonly layout: 'fixed'; readonly column: FixedBuilder; readonly options: FieldOptions }
  | { readonly layout: 'variable'; readonly column: VariableBuilder; readonly options: FieldOptions }
  | { readonly layout: 'struct'; readonly column: StructBuilder; readonly members: JsonMembers }
  | { readonly layout: 'list'; readonly column: ListBuilder; readonly element: JsonField }
  | {
      readonly layout: 'map'
      readonly column: MapBuilder
      readonly key: JsonField
      readonly value: JsonField
    }

/** The fields of a row or struct. */
export interface JsonMembers {
  readonly fields: readonly JsonField[]
  /** Case matters. */
  readonly indexByName: ReadonlyMap<string, number>
}

const NO_OPTIONS: FieldOptions = {}

export function jsonMembers(columns: readonly ColumnBuilder[], options: FieldOptionsById): JsonMembers {
  const fields = columns.map(column => jsonField(column, options))
  return { fields, indexByName: new Map(columns.map((column, index) => [column.field.name, index])) }
}

function jsonField(column: ColumnBuilder, optionsById: FieldOptionsById): JsonField {
  switch (column.layout) {
    case 'fixed':
    case 'variable': {
      const options = optionsById.get(column.field.fieldId) ?? NO_OPTIONS
      checkEpochUnit(column, options.epochUnit)
      return column.layout === 'fixed'
        ? { layout: 'fixed', column, options }
        : { layout: 'variable', column, options }
    }
    case 'struct':
      return { layout: 'struct', column, members: jsonMembers(column.children, optionsById) }
    case 'list':
      return { layout: 'list', column, element: jsonField(column.element, optionsById) }
    case 'map': {
      const key = jsonField(column.key, optionsById)
      return { layout: 'map', column, key, value: jsonField(column.value, optionsById) }
    }
    default:
      return unreachable(column)
  }
}

function checkEpochUnit(column: FixedBuilder | VariableBuilder, epochUnit: EpochUnit | undefined): void {
  if (epochUnit === undefined) return
  const { kind } = column.field.type
  const isTemporal = kind === 'date' || kind === 'time' || kind === 'timestamp' || kind === 'timestamptz'
  if (isTemporal && (epochUnit !== 'days' || kind === 'date')) return
  throw new AppError({
    code: 'field-option-mismatch',
    next: 'fatal',
    message:
      `Preparing a JSON decoder: field "${column.field.name}" (id ${column.field.fieldId}) has epoch unit "${epochUnit}", which a ${kind} ` +
      'cannot have. Units are for date, time, timestamp and timestamptz, and "days" for date only.',
  })
}

/** Powers of ten from each unit to microseconds; days have none. */
export const EPOCH_SCALE: Readonly<Record<Exclude<EpochUnit, 'days'>, number>> = {
  seconds: 6,
  millis: 3,
  micros: 0,
}
