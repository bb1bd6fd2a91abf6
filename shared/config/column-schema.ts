/** Columns as written in tidewater.yaml: their shape, nested to any depth. `check-columns.ts` makes sense of it. */
import { z } from 'zod'
import type { Parsed } from './scalars.ts'
import { boolean, integer, scalar, text, word } from './schema-values.ts'

export const MAX_FIELDS_PER_STRUCT = 10_000

/** A column, or the inside of a list or map, as written. */
export interface TypeShape {
  readonly type: string
  readonly required?: boolean | undefined
  readonly fields?: readonly FieldShape[] | undefined
  readonly element?: string | TypeShape | undefined
  readonly element_required?: boolean | undefined
  readonly key?: string | TypeShape | undefined
  readonly value?: string | TypeShape | undefined
  readonly value_required?: boolean | undefined
  readonly epoch_unit?: 'days' | 'seconds' | 'millis' | 'micros' | undefined
  readonly binary_encoding?: 'base64' | 'hex' | undefined
}

export interface FieldShape extends TypeShape {
  readonly name: string
  readonly id?: number | undefined
  readonly doc?: string | undefined
}

const typeName = text(
  'a type such as long, string, decimal(12,2), timestamptz, struct, list or map',
  'boolean, int, long, float, double, decimal(p,s), date, time, timestamp, timestamptz, string, uuid, fixed(n), binary, struct, list or map.',
)

const fieldList: z.ZodType<FieldShape[]> = z.lazy(() => z.array(fieldSchema).max(MAX_FIELDS_PER_STRUCT))
const innerType: z.ZodType<string | TypeShape> = z.lazy(() =>
  z.union([typeName, z.strictObject(typeKeys).meta({ id: 'type' })]),
)

export const typeKeys = {
  type: typeName,
  required: boolean('A record in which the value is missing or null goes to the dead letters.').optional(),
  fields: fieldList.optional(),
  element: innerType.optional(),
  element_required: boolean('No element of the list may be null.').optional(),
  key: innerType.optional(),
  value: innerType.optional(),
  value_required: boolean('No value of the map may be null.').optional(),
  epoch_unit: word(
    ['days', 'seconds', 'millis', 'micros'],
    'What a JSON number means in a date, time, timestamp or timestamptz column; without it numbers are refused.',
  ).optional(),
  binary_encoding: word(
    ['base64', 'hex'],
    'How text becomes bytes in a binary or fixed column; base64 unless told.',
  ).optional(),
}

/** Column names go into JSON, Parquet and SQL; only control characters are beyond all of them. */
function parseColumnName(value: unknown): Parsed<string> {
  const isName =
    typeof value === 'string' && value !== '' && value.length <= 255 && !/\p{Cc}|\p{Cs}/u.test(value)
  return isName
    ? { ok: true, value }
    : { ok: false, expected: 'the name of the column, which is also its JSON key' }
}

export const fieldSchema: z.ZodType<FieldShape> = z.lazy(() =>
  z.strictObject(fieldKeys).meta({ id: 'field' }),
)
export const fieldKeys = {
  name: scalar(parseColumnName, { type: 'string', minLength: 1 }, 'Name of the column and its JSON key.'),
  id: integer(1, 2_147_483_447, 'Iceberg field id; given automatically unless told.').optional(),
  doc: text('text', 'Comment of the column.').optional(),
  ...typeKeys,
}
