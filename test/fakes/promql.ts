/** The names and labels that a PromQL expression reads, as far as dashboards and alert rules need it; promtool judges the grammar. */

export interface ReadByExpression {
  readonly metrics: readonly string[]
  /** Of matchers, groupings and joins. */
  readonly labels: readonly string[]
}

const WORDS = new Set([
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'and',
  'or',
  'unless',
  'bool',
  'offset',
])

export function readByExpression(expression: string): ReadByExpression {
  // Strings first, since they may hold anything; then durations and variables in brackets.
  const bare = expression.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').replaceAll(/\[[^\]]*\]/g, '')
  const labels: string[] = []
  const withoutMatchers = bare.replaceAll(/\{([^}]*)\}/g, (_, matchers: string) => {
    for (const [, label] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) labels.push(label ?? '')
    return ''
  })
  const rest = withoutMatchers.replaceAll(
    /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g,
    (_, named: string) => {
      for (const [label] of named.matchAll(/\w+/g)) labels.push(label)
      return ''
    },
  )
  const metrics = [...rest.matchAll(/(?<![\w.])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:])/g)]
    .map(([, name]) => name ?? '')
    .filter(name => !WORDS.has(name))
  return { metrics: [...new Set(metrics)], labels: [...new Set(labels)] }
}
