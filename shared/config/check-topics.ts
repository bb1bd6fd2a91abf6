/** Which topics an entry takes, held against the name of its table, or the template of the names of its tables. */
import type { PartialTable } from './check-tables.ts'
import type { ConfigIssue, ConfigPath } from './config-error.ts'
import { placeholdersOf } from './name-template.ts'
import { starsOf } from './topic-glob.ts'

export function checkTopics(table: PartialTable, path: ConfigPath, issues: ConfigIssue[]): void {
  const { name, source_topic: topic, source_topics: topics, exclude_topics: excluded } = table
  if (!table.namesTopics) {
    issues.push({
      path: [...path, 'source_topic'],
      message: '`source_topic` is missing: expected the name of a Kafka topic',
      suggestion: 'Or write source_topics with a pattern such as orders.*, for a table of each topic.',
    })
  }
  if (topic !== undefined && topics !== undefined) {
    issues.push({
      path: [...path, 'source_topics'],
      atKey: true,
      message: 'source_topic and source_topics cannot stand together',
      suggestion: 'Leave one of them out: source_topics makes a table of each topic that matches.',
    })
    return
  }
  if (topics === undefined && excluded !== undefined && table.namesTopics) {
    issues.push({
      path: [...path, 'exclude_topics'],
      atKey: true,
      message: 'exclude_topics needs source_topics',
      suggestion: 'Leave it out.',
    })
  }
  if (name === undefined) return
  const placeholders = placeholdersOf(name)
  if (topics !== undefined) checkTemplate(name, [topics].flat(), path, issues)
  else if (placeholders.length > 0 && topic !== undefined) {
    issues.push({
      path: [...path, 'name'],
      message: `{${placeholders[0]}} stands only in names of entries with source_topics`,
      suggestion: 'Write the name out.',
    })
  }
}

function checkTemplate(
  template: string,
  globs: readonly string[],
  path: ConfigPath,
  issues: ConfigIssue[],
): void {
  const placeholders = placeholdersOf(template)
  if (placeholders.length === 0) {
    const [namespace] = template.split('.')
    issues.push({
      path: [...path, 'name'],
      message: `every topic would become the table ${template}: with source_topics the name is a template`,
      suggestion: `Write for example ${namespace}.{topic}, or {1} for what the first * stands for.`,
    })
  }
  const highest = Math.max(0, ...placeholders.filter(name => name !== 'topic').map(Number))
  const short = globs.find(glob => starsOf(glob) < highest)
  if (short === undefined) return
  const stars = starsOf(short)
  issues.push({
    path: [...path, 'name'],
    message: `{${highest}} is what the ${highest}. * of a pattern stands for, and ${short} has ${stars === 0 ? 'none' : `only ${stars}`}`,
    suggestion: 'Use {topic}, or divide the patterns among several entries.',
  })
}
