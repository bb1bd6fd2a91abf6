/** What a table may be called, whether a person wrote the name or a template made it of a topic's. */
import { deadLetterTopicOf, type TableConfig, TOPICS_FOLDER } from './config.ts'

/** What is added to a table's name for its dead letters. */
export const DEAD_LETTER_SUFFIX = '__dlq'

/** Kafka's own limit. */
const MAX_TOPIC_CHARACTERS = 249

const PART = '[A-Za-z0-9_][A-Za-z0-9_-]{0,127}'
const TABLE_NAME = new RegExp(`^${PART}(\\.${PART}){1,7}$`)

/** Namespace and name, of letters, digits, `_` and `-`, 128 of them in each part. */
export function isTableName(name: string): boolean {
  return TABLE_NAME.test(name)
}

export interface NameProblem {
  readonly message: string
  readonly suggestion: string
}

/** Names that would get in the way of what Tidewater makes beside its tables. */
export function reservedName(
  name: string,
  dlqMode: TableConfig['dlqMode'] | undefined,
): readonly NameProblem[] {
  const problems: NameProblem[] = []
  if (name.toLowerCase().endsWith(DEAD_LETTER_SUFFIX)) {
    problems.push({
      message: `names that end in ${DEAD_LETTER_SUFFIX} are kept for dead letters`,
      suggestion: 'Choose another name.',
    })
  }
  if (name.toLowerCase().split('.')[0] === TOPICS_FOLDER) {
    problems.push({
      message: `the namespace ${TOPICS_FOLDER} is kept for topics that Tidewater writes`,
      suggestion: 'Choose another namespace.',
    })
  }
  if (dlqMode === 'dlq' && deadLetterTopicOf(name).length > MAX_TOPIC_CHARACTERS) {
    problems.push({
      message: `the topic of its dead letters, ${deadLetterTopicOf('<name>')}, would have more than ${MAX_TOPIC_CHARACTERS} characters, which no Kafka topic may have`,
      suggestion: 'Choose a shorter name, or another dlq_mode.',
    })
  }
  return problems
}

/** The namespaces of two parts and more that hold a table of this name: none of them may be a table, whose folder this one would lie in. */
export function namespacesAround(name: string): readonly string[] {
  const parts = name.split('.')
  return parts.slice(2).map((_, i) => parts.slice(0, i + 2).join('.'))
}
