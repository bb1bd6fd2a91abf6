/**
 * Names of the tables that one entry makes of many topics: `{topic}` is the topic's name, `{1}` to `{9}` what the first to ninth `*` of its
 * glob stands for, each made fit for SQL: what is no letter, digit or `_` becomes `_`, so that no query needs quotes around it.
 */

const PLACEHOLDER = /\{(topic|[1-9])\}/g

/** Parts of a table's name, joined by dots, with placeholders among the characters. */
const PART = '(?:[A-Za-z0-9_]|\\{(?:topic|[1-9])\\})(?:[A-Za-z0-9_-]|\\{(?:topic|[1-9])\\}){0,127}'
export const NAME_TEMPLATE = new RegExp(`^${PART}(\\.${PART}){1,7}$`)

/** The names between the braces, as often as they stand there. */
export function placeholdersOf(template: string): readonly string[] {
  return Array.from(template.matchAll(PLACEHOLDER), ([, name]) => name ?? '')
}

export interface MatchedTopic {
  readonly topic: string
  /** What each `*` stands for. */
  readonly captured: readonly string[]
}

/** The template's placeholders are known to exist; what they stand for may still make no name. */
export function fillTemplate(template: string, { topic, captured }: MatchedTopic): string {
  return template.replace(PLACEHOLDER, (_, name: string) =>
    fitForName(name === 'topic' ? topic : (captured[Number(name) - 1] ?? '')),
  )
}

function fitForName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_]/g, '_')
}
