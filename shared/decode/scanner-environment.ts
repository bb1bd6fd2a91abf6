/** What generated scanner code refers to: the scan functions, and by number the columns, fields and key tables of a schema. */
import type { ColumnBuilder } from '../columns/column-builder.ts'
import type { UnknownFields } from './field-options.ts'
import type { JsonField, JsonMembers } from './json-fields.ts'
import { END_OF_OBJECT, findKey, type KeyTable } from './key-table.ts'
import { scanDecimal, scanDouble, scanEpoch, scanFloat, scanInt, scanLong } from './scan-number.ts'
import { ScanState, skipSpace } from './scan-state.ts'
import { scanDate, scanTimestamp, scanTimestamptz } from './scan-temporal.ts'
import { scanString, skipString } from './scan-text.ts'
import { mayRepeatKey, scanBoolean, scanPlainly, scanUuid, setMissing, skipValue } from './scan-value.ts'

const SCAN_FUNCTIONS = {
  findKey,
  mayRepeatKey,
  scanBoolean,
  scanDate,
  scanDecimal,
  scanDouble,
  scanEpoch,
  scanFloat,
  scanInt,
  scanLong,
  scanPlainly,
  scanString,
  scanTimestamp,
  scanTimestamptz,
  scanUuid,
  setMissing,
  skipSpace,
  skipString,
  skipValue,
}

/** Scans the object at `position` into row `slot`: the position after it, or −1 when the plain decoder must take the record. */
export type ScanObject = (position: number, slot: number) => number

/** A scanner under construction. */
export interface Generator {
  readonly environment: ScannerEnvironment
  /** Finished functions. */
  readonly functions: string[]
  /** Emits the function of an object, in which `depth` containers are open, and returns its name. */
  emitObject(members: JsonMembers, depth: number): string
}

export interface ScannerEnvironment {
  readonly state: ScanState
  /** Numbers a field: generated code knows it as `F<number>` and its column as `C<number>`. */
  addField(field: JsonField): number
  /** Numbers an object by its key table, `tables[<number>]`. */
  addTable(table: KeyTable): number
  /** The columns of an object's fields, `columns[<number>]`. */
  addColumns(table: number, columns: readonly ColumnBuilder[]): void
  compile(functions: readonly string[], entry: string): ScanObject
}

export function createScannerEnvironment(unknownFields: UnknownFields): ScannerEnvironment {
  const state = new ScanState()
  const fields: JsonField[] = []
  const tables: KeyTable[] = []
  const columns: (readonly ColumnBuilder[])[] = []
  return {
    state,
    addField(field) {
      const known = fields.indexOf(field)
      return known >= 0 ? known : fields.push(field) - 1
    },
    addTable: table => tables.push(table) - 1,
    addColumns(table, added) {
      columns[table] = added
    },
    compile(functions, entry) {
      const names = Object.keys(SCAN_FUNCTIONS).join(', ')
      const constants = fields.map((_, i) => `const F${i} = fields[${i}], C${i} = F${i}.column;`)
      const source = [
        '"use strict";',
        `const { ${names} } = scanFunctions;`,
        ...constants,
        ...functions,
        `return ${entry};`,
      ].join('\n')
      const parameters = [
        'scanFunctions',
        's',
        'fields',
        'tables',
        'columns',
        'unknownFields',
        'END_OF_OBJECT',
      ]
      // The text above has this type by construction; TypeScript cannot see into it.
      const factory = new Function(...parameters, source) as (...values: unknown[]) => ScanObject
      return factory(SCAN_FUNCTIONS, state, fields, tables, columns, unknownFields, END_OF_OBJECT)
    },
  }
}
