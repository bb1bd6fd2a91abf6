/**
 * Patterns of topic names: `*` stands for any characters, also none, `?` for one, and every other character for itself.
 *
 * A wildcard reaches into no corner that is kept for machinery, as a shell's does not match dot files: a topic that begins with `_` needs a
 * glob that begins with `_` too, one with `__` (Kafka's own) a glob with `__`, and one that ends in `.dlq` a glob that ends in `.dlq`.
 */

/** What may stand in a glob; a topic's own characters and the wildcards. */
export const GLOB = /^[A-Za-z0-9._*?-]{1,249}$/

/** Kafka's own rule for the names of topics. */
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/

/** `.` and `..` are folders of every file system, which is why Kafka refuses them. */
export function isTopicName(name: string): boolean {
  return TOPIC.test(name) && name !== '.' && name !== '..'
}

/** How many `*` a glob has, each of which captures a text. */
export function starsOf(glob: string): number {
  return glob.split('*').length - 1
}

/**
 * What each `*` stands for, as few characters as possible from the left; `undefined` when the topic does not match.
 * Each piece between two stars is looked for once, from where the last one ended: that finds a match if there is one, in time
 * proportional to both lengths multiplied, which a regular expression with many stars does not promise.
 */
export function matchGlob(glob: string, topic: string): readonly string[] | undefined {
  if (isReserved(glob, topic)) return undefined
  const [head = '', ...others] = glob.split('*')
  const tail = others.pop()
  if (tail === undefined) return isAt(topic, 0, head) && topic.length === head.length ? [] : undefined
  const tailAt = topic.length - tail.length
  if (tailAt < head.length || !isAt(topic, 0, head) || !isAt(topic, tailAt, tail)) return undefined
  const captured: string[] = []
  let at = head.length
  for (const piece of others) {
    const found = firstAt(topic, at, piece)
    if (found === undefined || found + piece.length > tailAt) return undefined
    captured.push(topic.slice(at, found))
    at = found + piece.length
  }
  return [...captured, topic.slice(at, tailAt)]
}

function isReserved(glob: string, topic: string): boolean {
  const kept = /^_{0,2}/.exec(topic)?.[0] ?? ''
  return !glob.startsWith(kept) || (topic.endsWith('.dlq') && !glob.endsWith('.dlq'))
}

function isAt(topic: string, at: number, piece: string): boolean {
  if (at + piece.length > topic.length) return false
  for (let i = 0; i < piece.length; i++) if (piece[i] !== '?' && piece[i] !== topic[at + i]) return false
  return true
}

function firstAt(topic: string, from: number, piece: string): number | undefined {
  for (let at = from; at + piece.length <= topic.length; at++) if (isAt(topic, at, piece)) return at
  return undefined
}
