/** `partition_by` against the table's columns. */

import { assignFreshIds } from '../iceberg/assign-ids.ts'
import { parsePartitionTerm, partitionSpecOf } from '../iceberg/build-partition-spec.ts'
import type { NestedField, PrimitiveType } from '../iceberg/schema.ts'
import { primitiveText } from '../iceberg/schema-json.ts'
import { columnsThroughStructs, findColumnByName, isPrimitive } from '../iceberg/schema-lookup.ts'
import { resultType } from '../iceberg/transforms.ts'
import { AppError } from '../runtime/errors.ts'
import type { PartitionTermConfig } from './config.ts'
import type { ConfigIssue, ConfigPath } from './config-error.ts'
import { closest } from './suggest.ts'

/** `fields` are all columns of the table, metadata columns included; `undefined` when they are not known for sure: then only the form is checked. */
export function checkPartitioning(
  partitionBy: readonly string[],
  fields: readonly NestedField[] | undefined,
  path: ConfigPath,
  issues: ConfigIssue[],
): readonly PartitionTermConfig[] {
  const issuesBefore = issues.length
  const terms: PartitionTermConfig[] = []
  for (const [i, text] of partitionBy.entries()) {
    const term = parseTerm(text)
    const problem = term === undefined ? notUnderstood(text) : fields && problemOf(term, fields)
    if (problem !== undefined) issues.push({ path: [...path, i], ...problem })
    if (term !== undefined) terms.push(term)
  }
  if (fields !== undefined && issues.length === issuesBefore) checkTogether(terms, fields, path, issues)
  return terms
}

type Problem = Omit<ConfigIssue, 'path'>

function parseTerm(text: string): PartitionTermConfig | undefined {
  const voided = /^\s*void\s*\(\s*([^(),]+?)\s*\)\s*$/i.exec(text)
  if (voided?.[1] !== undefined) return { transform: { kind: 'void' }, column: voided[1] }
  try {
    return parsePartitionTerm(text)
  } catch (error) {
    if (error instanceof AppError) return undefined
    throw error
  }
}

function notUnderstood(text: string): Problem {
  const name = /^\s*([a-z_]+)\s*\(/i.exec(text)?.[1]
  const near =
    name === undefined
      ? undefined
      : closest(name, ['year', 'month', 'day', 'hour', 'bucket', 'truncate', 'identity', 'void'])
  return {
    message:
      'not understood: expected a column, or year(c), month(c), day(c), hour(c), bucket(16, c), truncate(10, c)',
    ...(near !== undefined && {
      suggestion:
        near === 'bucket' || near === 'truncate'
          ? `${near} takes a number and a column: ${near}(16, column).`
          : `Did you mean ${near}(column)?`,
    }),
  }
}

function problemOf(term: PartitionTermConfig, fields: readonly NestedField[]): Problem | undefined {
  const column = findColumnByName({ fields }, term.column)
  if (column === undefined) {
    const names = Array.from(columnsThroughStructs({ fields }), position => position.name)
    const near = closest(term.column, names)
    return {
      message: `there is no column \`${term.column}\` outside lists and maps`,
      suggestion:
        near === undefined ? `Columns are ${names.slice(0, 20).join(', ')}.` : `Did you mean ${near}?`,
    }
  }
  const type = column.field.type
  if (!isPrimitive(type)) {
    return {
      message: `a table cannot be partitioned by \`${term.column}\`, which is a ${type.kind}`,
      suggestion:
        type.kind === 'struct'
          ? `Name one of its fields: ${term.column}.<field>.`
          : 'Choose a column that holds one value.',
    }
  }
  if (resultType(term.transform, type) !== undefined) return undefined
  return {
    message: `${term.transform.kind} does not take \`${term.column}\`, which is a ${primitiveText(type)}`,
    suggestion: wantedTypes(term, type),
  }
}

function wantedTypes(term: PartitionTermConfig, type: PrimitiveType): string {
  switch (term.transform.kind) {
    case 'year':
    case 'month':
    case 'day':
      return 'It takes date, timestamp and timestamptz.'
    case 'hour':
      return type.kind === 'date'
        ? 'It takes timestamp and timestamptz; use day.'
        : 'It takes timestamp and timestamptz.'
    case 'truncate':
      return 'It takes int, long, decimal, string and binary.'
    default:
      return 'It takes every type but boolean, float and double.'
  }
}

/** What only shows in the whole spec: redundant terms, and names that clash with columns. The Iceberg rules decide. */
function checkTogether(
  terms: readonly PartitionTermConfig[],
  fields: readonly NestedField[],
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  try {
    partitionSpecOf(terms, assignFreshIds(fields).schema)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    issues.push({ path, message: error.message })
  }
}
