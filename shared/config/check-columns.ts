/** From columns as written in tidewater.yaml to Iceberg fields and reading options; every mistake becomes an issue with its path. */
import type { FieldOptions } from '../decode/field-options.ts'
import type { IcebergType, NestedField, PrimitiveType } from '../iceberg/schema.ts'
import { isPrimitive } from '../iceberg/schema-lookup.ts'
import type { FieldShape, TypeShape } from './column-schema.ts'
import type { ConfigIssue, ConfigPath } from './config-error.ts'
import { parseTypeName } from './type-names.ts'

/** Types inside types; Parquet readers and our own decoders recurse. */
export const MAX_TYPE_DEPTH = 32

export interface CheckedColumns {
  /** In the order written. A column with a mistake is left out, so that the rest can be checked on. */
  readonly fields: readonly NestedField[]
  readonly fieldOptions: ReadonlyMap<string, FieldOptions>
}

interface Check {
  readonly issues: ConfigIssue[]
  readonly options: Map<string, FieldOptions>
  readonly ids: Map<number, ConfigPath>
}

/** `shapes` holds `undefined` where a column's shape was wrong already. */
export function checkColumns(
  shapes: readonly (FieldShape | undefined)[],
  path: ConfigPath,
  issues: ConfigIssue[],
): CheckedColumns {
  const check: Check = { issues, options: new Map(), ids: new Map() }
  const fields = checkFields(shapes, { path, prefix: '', depth: 1 }, check)
  return { fields, fieldOptions: check.options }
}

interface Place {
  readonly path: ConfigPath
  /** Dotted path of what is checked; for fields with a dot at its end, or ''. */
  readonly prefix: string
  readonly depth: number
}

function checkFields(shapes: readonly (FieldShape | undefined)[], place: Place, check: Check): NestedField[] {
  const fields: NestedField[] = []
  const names = new Map<string, string>()
  for (const [i, shape] of shapes.entries()) {
    if (shape === undefined) continue
    const path = [...place.path, i]
    const earlier = names.get(shape.name.toLowerCase())
    if (earlier !== undefined) {
      check.issues.push({
        path: [...path, 'name'],
        message:
          earlier === shape.name
            ? `column \`${shape.name}\` is declared twice`
            : `columns \`${earlier}\` and \`${shape.name}\` differ only in case, which Athena and Spark cannot tell apart`,
        suggestion: 'Rename or remove one of the two.',
      })
      continue
    }
    names.set(shape.name.toLowerCase(), shape.name)
    checkId(shape, path, check)
    const type = checkType(shape, { path, prefix: place.prefix + shape.name, depth: place.depth }, check)
    if (type === undefined) continue
    fields.push({
      id: shape.id ?? 0,
      name: shape.name,
      required: shape.required ?? false,
      type,
      ...(shape.doc !== undefined && { doc: shape.doc }),
    })
  }
  return fields
}

function checkId(shape: FieldShape, path: ConfigPath, check: Check): void {
  if (shape.id === undefined) return
  if (check.ids.has(shape.id)) {
    check.issues.push({
      path: [...path, 'id'],
      message: `field id ${shape.id} is given to two columns`,
      suggestion: 'Give each column its own id, or none: then Tidewater gives them.',
    })
  }
  check.ids.set(shape.id, path)
}

function checkType(shape: TypeShape, place: Place, check: Check): IcebergType | undefined {
  const issuesBefore = check.issues.length
  if (place.depth > MAX_TYPE_DEPTH) {
    check.issues.push({ path: place.path, message: `types are nested more than ${MAX_TYPE_DEPTH} deep` })
    return undefined
  }
  const parsed = parseTypeName(shape.type)
  if (!parsed.ok) {
    const { expected, suggestion } = parsed
    check.issues.push({
      path: [...place.path, 'type'],
      message: `expected ${expected}, found "${shape.type}"`,
      ...(suggestion !== undefined && { suggestion }),
    })
    return undefined
  }
  checkKeysBelongToType(shape, parsed.value, place, check)
  const type =
    typeof parsed.value === 'string' ? checkNested(shape, parsed.value, place, check) : parsed.value
  if (type === undefined || check.issues.length > issuesBefore) return undefined
  if (isPrimitive(type)) keepOptions(shape, type, place, check)
  return type
}

type NestedKind = 'struct' | 'list' | 'map'

function checkNested(
  shape: TypeShape,
  kind: NestedKind,
  place: Place,
  check: Check,
): IcebergType | undefined {
  switch (kind) {
    case 'struct':
      return checkStruct(shape, place, check)
    case 'list':
      return checkList(shape, place, check)
    case 'map':
      return checkMap(shape, place, check)
  }
}

function checkStruct(shape: TypeShape, place: Place, check: Check): IcebergType | undefined {
  if (shape.fields === undefined || shape.fields.length === 0) {
    check.issues.push({
      path: [...place.path, ...(shape.fields === undefined ? ['type'] : ['fields'])],
      message: 'a struct needs at least one field: Parquet cannot hold an empty one',
      suggestion: 'Add fields: [ { name: …, type: … } ].',
    })
    return undefined
  }
  const inside = { path: [...place.path, 'fields'], prefix: `${place.prefix}.`, depth: place.depth + 1 }
  return { kind: 'struct', fields: checkFields(shape.fields, inside, check) }
}

function checkList(shape: TypeShape, place: Place, check: Check): IcebergType | undefined {
  const inner = checkInner(shape, 'element', place, check)
  if (inner === undefined) return undefined
  const elementRequired = shape.element_required ?? inner.required ?? false
  return { kind: 'list', elementId: 0, elementRequired, element: inner.type }
}

function checkMap(shape: TypeShape, place: Place, check: Check): IcebergType | undefined {
  const key = checkInner(shape, 'key', place, check)
  const value = checkInner(shape, 'value', place, check)
  if (key !== undefined && !isPrimitive(key.type)) {
    check.issues.push({
      path: [...place.path, 'key'],
      message: `the key of a map cannot be a ${key.type.kind}: JSON object keys are text`,
      suggestion: 'Use key: string, or a list of structs with the parts as fields.',
    })
  }
  if (key?.required === false) {
    check.issues.push({
      path: [...place.path, 'key', 'required'],
      message: 'the key of a map is always required',
      suggestion: 'Remove required from the key.',
    })
  }
  if (key === undefined || value === undefined) return undefined
  const valueRequired = shape.value_required ?? value.required ?? false
  return { kind: 'map', keyId: 0, key: key.type, valueId: 0, valueRequired, value: value.type }
}

function checkInner(
  shape: TypeShape,
  part: 'element' | 'key' | 'value',
  place: Place,
  check: Check,
): { readonly type: IcebergType; readonly required: boolean | undefined } | undefined {
  const inner = shape[part]
  if (inner === undefined) {
    check.issues.push({
      path: [...place.path, 'type'],
      message: `a ${part === 'element' ? 'list' : 'map'} needs \`${part}\``,
      suggestion: `Add ${part}: string, or another type, or { type: struct, fields: […] }.`,
    })
    return undefined
  }
  const isShort = typeof inner === 'string'
  const innerShape: TypeShape = isShort ? { type: inner } : inner
  const innerPlace = {
    path: [...place.path, part],
    prefix: `${place.prefix}.${part}`,
    depth: place.depth + 1,
  }
  const type = checkType(innerShape, innerPlace, check)
  return type === undefined ? undefined : { type, required: innerShape.required }
}

/** Keys that mean nothing for a type are mistakes: they would be ignored in silence. */
function checkKeysBelongToType(
  shape: TypeShape,
  type: PrimitiveType | NestedKind,
  place: Place,
  check: Check,
): void {
  const kind = typeof type === 'string' ? type : type.kind
  const owners: readonly (readonly [keyof TypeShape, readonly string[]])[] = [
    ['fields', ['struct']],
    ['element', ['list']],
    ['element_required', ['list']],
    ['key', ['map']],
    ['value', ['map']],
    ['value_required', ['map']],
    ['epoch_unit', ['date', 'time', 'timestamp', 'timestamptz']],
    ['binary_encoding', ['binary', 'fixed']],
  ]
  for (const [key, kinds] of owners) {
    if (shape[key] === undefined || kinds.includes(kind)) continue
    check.issues.push({
      path: [...place.path, key],
      atKey: true,
      message: `\`${key}\` means nothing for type ${kind}; it belongs to ${kinds.join(', ')}`,
      suggestion: kinds.length === 1 ? `Set type: ${kinds[0]}, or remove ${key}.` : `Remove ${key}.`,
    })
  }
  if (shape.epoch_unit === 'days' && kind !== 'date' && kind.startsWith('time')) {
    check.issues.push({
      path: [...place.path, 'epoch_unit'],
      message: '`epoch_unit: days` is for type date only',
      suggestion: 'Use seconds, millis or micros.',
    })
  }
}

function keepOptions(shape: TypeShape, type: PrimitiveType, place: Place, check: Check): void {
  const options: FieldOptions = {
    ...(shape.epoch_unit !== undefined && { epochUnit: shape.epoch_unit }),
    ...(shape.binary_encoding !== undefined && { binaryEncoding: shape.binary_encoding }),
  }
  if (isPrimitive(type) && Object.keys(options).length > 0) check.options.set(place.prefix, options)
}
