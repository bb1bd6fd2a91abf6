/** From zod's issues to sentences that name the key, what was expected, what was found, and what to write instead. */
import type { z } from 'zod'
import type { ConfigIssue, ConfigPath } from './config-error.ts'
import {
  DESIGNED_CATALOG_TYPES,
  DESIGNED_KEYS,
  DESIGNED_SOURCE_TYPES,
  notBuiltMessage,
} from './designed-later.ts'
import { knownKeys } from './file-schema.ts'
import { closest } from './suggest.ts'

/** Values of these keys are never shown, wherever they came from. */
const SECRET_KEYS = new Set([
  'access_key_id',
  'secret_access_key',
  'session_token',
  'token',
  'credential',
  'headers',
  'queue',
])
const MAX_SHOWN_LENGTH = 60

/** What people write who know other systems. */
const OTHER_KEYS: Readonly<Record<string, string>> = {
  nullable: 'required (true means never null)',
  optional: 'required (true means never null)',
  items: 'element',
  elements: 'element',
  comment: 'doc',
  description: 'doc',
  topic: 'source_topic',
  topics: 'source_topics',
  topics_regex: 'source_topics',
  exclude: 'exclude_topics',
  format: 'source_format',
  columns: 'schema.fields',
  bucket: 'url: s3://bucket/prefix',
  path: 'url',
  partition_spec: 'partition_by',
  partitioned_by: 'partition_by',
}

export interface IssueContext {
  /** The file as plain data. */
  readonly data: unknown
  /** Names of the variables in the value at a path. */
  readonly variablesAt: (path: ConfigPath) => readonly string[]
}

export function describeIssues(issues: readonly z.core.$ZodIssue[], context: IssueContext): ConfigIssue[] {
  return issues.flatMap(issue => describeIssue(issue, [], context))
}

function describeIssue(issue: z.core.$ZodIssue, base: ConfigPath, context: IssueContext): ConfigIssue[] {
  const path = [...base, ...issue.path.map(part => (typeof part === 'number' ? part : String(part)))]
  const value = valueAt(context.data, path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.flatMap(key => describeUnknownKey(key, path, context))
    case 'invalid_union': {
      // By convention the last way to write a value is the long one, a mapping or a list, and the first is the short one.
      const long = issue.errors.at(-1) ?? []
      const isLong = isMapping(value) || (Array.isArray(value) && !long.some(isOfAnotherKind))
      const branch = (isLong ? long : issue.errors[0]) ?? []
      return branch.flatMap(inner => describeIssue(inner, path, context))
    }
    case 'custom':
      return [describeValue(path, value, issue.params ?? {}, context)]
    case 'invalid_type':
      return [describeValue(path, value, { expected: containerName(issue.expected) }, context)]
    case 'too_small':
      return [{ path, message: 'expected at least one entry, found an empty list' }]
    case 'too_big':
      return [{ path, message: `expected at most ${issue.maximum} entries` }]
    default:
      return [{ path, message: issue.message }]
  }
}

function isOfAnotherKind({ code, path }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type' && path.length === 0
}

function containerName(expected: string): string {
  if (expected === 'array') return 'a list'
  if (expected === 'object' || expected === 'record') return 'a mapping of keys to values'
  return expected
}

function describeValue(
  path: ConfigPath,
  value: unknown,
  params: Readonly<Record<string, unknown>>,
  context: IssueContext,
): ConfigIssue {
  const key = String(path.findLast(part => typeof part === 'string') ?? '')
  if (params.notBuilt === true) {
    const shown = typeof value === 'string' ? value.replace(/^([a-z]+):.*$/is, '$1:…') : ''
    return {
      path,
      message: notBuiltMessage(`${key}: ${shown}`),
      suggestion: `Expected ${params.expected}.`,
    }
  }
  const expected = `expected ${params.expected}`
  const suggestion = typeof params.suggestion === 'string' ? { suggestion: params.suggestion } : {}
  if (value === undefined) return { path, message: `\`${key}\` is missing: ${expected}`, ...suggestion }
  return { path, message: `${expected}, found ${showValue(value, path, context)}`, ...suggestion }
}

function describeUnknownKey(key: string, path: ConfigPath, context: IssueContext): ConfigIssue[] {
  // The keys of a catalog or source that is not built yet are right; its type is reported.
  if (isOfLaterType(path, context)) return []
  const place = path.filter(part => typeof part === 'string').join('.')
  const at = { path: [...path, key], atKey: true }
  if ((DESIGNED_KEYS[place] ?? []).includes(key)) {
    return [{ ...at, message: notBuiltMessage(key), suggestion: 'Remove it for now.' }]
  }
  if (/^\s*\d+\s*\)$/.test(key)) {
    const suggestion = 'Inside { } a comma ends a value: put the type in quotes, as in type: "decimal(12,2)".'
    return [{ ...at, message: `the type is cut in two before \`${key}\``, suggestion }]
  }
  return [{ ...at, message: `unknown key \`${key}\``, ...suggestKey(key, place) }]
}

function suggestKey(key: string, place: string): { readonly suggestion?: string } {
  const known = knownKeys(place)
  const other = Object.hasOwn(OTHER_KEYS, key) ? OTHER_KEYS[key] : undefined
  if (other !== undefined && known.includes(other.split(/[ .:]/)[0] ?? ''))
    return { suggestion: `Did you mean ${other}?` }
  const near = closest(key, known)
  if (near !== undefined) return { suggestion: `Did you mean ${near}?` }
  for (const elsewhere of ['', 'sources', 'tables', 'limits', 'server']) {
    if (elsewhere !== place && knownKeys(elsewhere).includes(key)) {
      return {
        suggestion: `This key belongs ${elsewhere === '' ? 'at the top level' : `under ${elsewhere}`}.`,
      }
    }
  }
  return known.length === 0 ? {} : { suggestion: `Known here: ${known.join(', ')}.` }
}

const LATER_TYPES: Readonly<Record<string, readonly string[]>> = {
  catalogs: DESIGNED_CATALOG_TYPES,
  sources: DESIGNED_SOURCE_TYPES,
}

function isOfLaterType(path: ConfigPath, context: IssueContext): boolean {
  const later = path.length === 2 ? LATER_TYPES[String(path[0])] : undefined
  const type = valueAt(context.data, [...path, 'type'])
  return later?.some(known => known === type) === true
}

/** A value for a message: short, and never a secret. */
function showValue(value: unknown, path: ConfigPath, context: IssueContext): string {
  const variables = context.variablesAt(path)
  if (variables.length > 0) return `the value of ${variables.map(name => `\${${name}}`).join(' and ')}`
  if (path.slice(-2).some(key => SECRET_KEYS.has(String(key)))) return 'a value that is not shown'
  if (typeof value === 'string' && /:\/\/.*@/s.test(value)) return 'a URL with a login, which is not shown'
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return shown.length <= MAX_SHOWN_LENGTH ? shown : `${shown.slice(0, MAX_SHOWN_LENGTH)}…`
}

export function valueAt(data: unknown, path: ConfigPath): unknown {
  let value = data
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = Reflect.get(value, part)
  }
  return value
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
