/**
 * The text of tidewater.yaml as plain data, with the way back from a path to its line, and with `${NAME}` substituted.
 * It remembers which values came from the environment, so that no message repeats them.
 */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml'
import { type ConfigError, type ConfigIssue, type ConfigPath, pathText } from './config-error.ts'
import { substituteEnv } from './substitute-env.ts'

/** Far beyond any real file. */
export const MAX_CONFIG_BYTES = 4 << 20
/** Aliases to one anchor may multiply the file by this much at most. */
const MAX_ALIASES = 100
/** Values shorter than this hide nothing, and replacing them would garble messages. */
const MIN_HIDDEN_LENGTH = 4

/** One wrong bracket makes the parser complain about everything behind it. */
const MAX_SYNTAX_ERRORS = 3

const BRACES =
  'Check the indentation and the brackets; put quotes around values that hold { } [ ] : or #, and around references to variables.'

export interface YamlText {
  /** `undefined` when the text is not YAML. Where substitution failed, the reference stands as it is. */
  readonly data: unknown
  readonly syntaxErrors: readonly ConfigError[]
  readonly substitutionErrors: readonly ConfigError[]
  /** Finds the line of an issue; a path that is not in the file leads to the nearest place above it. */
  locate(issue: ConfigIssue): ConfigError
  /** Names of the variables in the value at this path, when there are any. */
  variablesAt(path: ConfigPath): readonly string[]
}

export function readYamlText(text: string, env: Readonly<Record<string, string | undefined>>): YamlText {
  const lines = new LineCounter()
  try {
    if (text.length > MAX_CONFIG_BYTES) throw new Error(`the file is larger than ${MAX_CONFIG_BYTES} bytes`)
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' })
    return describeDocument(document, lines, env)
  } catch (error) {
    // Deep nesting exhausts the stack of the parser, and alias bombs are refused by it; both are mistakes of the file.
    const reason =
      error instanceof RangeError ? 'it is nested too deeply' : error instanceof Error ? error.message : ''
    const failure = { line: 1, column: 1, path: '', message: `the file cannot be read as YAML: ${reason}` }
    return {
      data: undefined,
      syntaxErrors: [failure],
      substitutionErrors: [],
      locate: issue => ({ ...issue, ...failure }),
      variablesAt: () => [],
    }
  }
}

type Substituted = Map<Scalar, readonly { readonly name: string; readonly value: string }[]>

function describeDocument(
  document: Document.Parsed,
  lines: LineCounter,
  env: Readonly<Record<string, string | undefined>>,
): YamlText {
  const substituted: Substituted = new Map()
  const hide = (message: string) => hideValues(message, substituted)
  const syntaxErrors: ConfigError[] = document.errors.slice(0, MAX_SYNTAX_ERRORS).map(error => ({
    ...positionOf(lines, error.pos[0]),
    path: '',
    // The parser quotes what it did not expect, which might be a password.
    message: `not valid YAML: ${error.message.replace(/: ".*$/s, '')}`,
    ...(/flow|curly|map|Block/i.test(error.message) && {
      suggestion: BRACES,
    }),
  }))
  const locate = (issue: ConfigIssue): ConfigError => ({
    ...positionOf(lines, offsetOf(document, issue)),
    path: pathText(issue.path),
    message: hide(issue.message),
    ...(issue.suggestion !== undefined && { suggestion: hide(issue.suggestion) }),
  })
  visit(document, {
    Pair(_, pair) {
      if (!isCollection(pair.key)) return
      const message = 'a key is not plain text'
      syntaxErrors.push({ ...positionOf(lines, pair.key.range?.[0]), path: '', message, suggestion: BRACES })
    },
    Alias(_, node) {
      if (node.resolve(document) !== undefined) return
      const message = `not valid YAML: nothing above is marked with the anchor &${node.source}`
      syntaxErrors.push({ ...positionOf(lines, node.range?.[0]), path: '', message })
    },
  })
  const isYaml = syntaxErrors.length === 0
  const substitutionErrors = isYaml ? substituteIn(document, lines, env, substituted) : []
  const data: unknown = isYaml ? document.toJS({ maxAliasCount: MAX_ALIASES }) : undefined
  const variablesAt = (path: ConfigPath): readonly string[] => {
    const node = nodeAt(document, path)
    return isScalar(node) ? (substituted.get(node) ?? []).map(use => use.name) : []
  }
  return { data, syntaxErrors, substitutionErrors, locate, variablesAt }
}

/** Changes the scalars in place: values only, never keys. */
function substituteIn(
  document: Document.Parsed,
  lines: LineCounter,
  env: Readonly<Record<string, string | undefined>>,
  substituted: Substituted,
): ConfigError[] {
  const errors: ConfigError[] = []
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return
      const { text, used, problems } = substituteEnv(node.value, env)
      if (used.length > 0) substituted.set(node, used)
      node.value = text
      for (const problem of problems) {
        errors.push({
          ...positionOf(lines, node.range?.[0]),
          path: pathText(pathOf(ancestors, node)),
          ...problem,
        })
      }
    },
  })
  return errors
}

function pathOf(ancestors: readonly unknown[], node: Scalar): ConfigPath {
  const path: (string | number)[] = []
  for (const [i, ancestor] of ancestors.entries()) {
    const child = ancestors[i + 1] ?? node
    if (isPair(ancestor)) path.push(isScalar(ancestor.key) ? String(ancestor.key.value) : '?')
    else if (isSeq(ancestor)) path.push(ancestor.items.indexOf(child))
  }
  return path
}

function offsetOf(document: Document.Parsed, issue: ConfigIssue): number | undefined {
  let node: unknown = document.contents
  let offset = isNode(node) ? node.range?.[0] : 0
  for (const [i, part] of issue.path.entries()) {
    const isLast = i === issue.path.length - 1
    const step = childOf(document, node, part)
    if (step === undefined) return offset
    const place = isLast && issue.atKey === true ? step.key : isEmpty(step.value) ? step.key : step.value
    offset = isNode(place) ? (place.range?.[0] ?? offset) : offset
    node = step.value
  }
  return offset
}

function nodeAt(document: Document.Parsed, path: ConfigPath): unknown {
  let node: unknown = document.contents
  for (const part of path) node = childOf(document, node, part)?.value
  return isAlias(node) ? node.resolve(document) : node
}

function childOf(
  document: Document.Parsed,
  parent: unknown,
  part: string | number,
): { readonly key: unknown; readonly value: unknown } | undefined {
  const node = isAlias(parent) ? parent.resolve(document) : parent
  if (isSeq(node) && typeof part === 'number') {
    const value = node.items[part]
    return value === undefined ? undefined : { key: value, value }
  }
  if (isMap(node)) {
    const pair = node.items.find(item => isScalar(item.key) && String(item.key.value) === String(part))
    return pair === undefined ? undefined : { key: pair.key, value: pair.value ?? pair.key }
  }
  return undefined
}

/** `key:` with nothing behind it has a value of no width, on whatever line follows. */
function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === ''
}

function positionOf(lines: LineCounter, offset: number | undefined): { line: number; column: number } {
  const { line, col } = lines.linePos(offset ?? 0)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

/** The last guard against secrets in messages: whatever wrote them, values of variables become their names again. */
function hideValues(message: string, substituted: Substituted): string {
  let hidden = message
  for (const uses of substituted.values()) {
    for (const { name, value } of uses) {
      if (value.length >= MIN_HIDDEN_LENGTH) hidden = hidden.replaceAll(value, `\${${name}}`)
    }
  }
  return hidden
}
