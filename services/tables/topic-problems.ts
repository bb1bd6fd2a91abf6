/**
 * Topics that match a pattern and become no table: each is reported once in a process and once in the log of events, so that neither a
 * look every few seconds nor a restart says it again. Two processes that find the same one at one time may both write the event.
 */
import type { SourceTopic } from '../../shared/config/expand-patterns.ts'
import type { Parts } from '../parts.ts'
import type { RefusedTopic } from './find-topics.ts'

/** Events looked through for one that says the same. */
const MAX_EVENTS_READ = 10_000

export interface TopicProblemLog {
  note(refused: RefusedTopic): Promise<void>
}

export function createTopicProblemLog({
  metadata,
  report,
}: Pick<Parts, 'metadata' | 'report'>): TopicProblemLog {
  const reported = new Set<string>()
  let logged: Set<string> | undefined
  return {
    async note({ source, topic, pattern, code, message }) {
      const key = keyOf({ source, topic }, message)
      if (reported.has(key)) return
      logged ??= await loggedBefore(metadata)
      if (!logged.has(key)) {
        const details = { source, pattern, code }
        await metadata.appendEvent({ type: 'topic.refused', topic, message, details })
      }
      // Last: an event that could not be written is written in the next round.
      reported.add(key)
      report({
        kind: 'problem',
        where: 'looking for new topics',
        code,
        message,
        next: 'park',
        details: { source, topic, pattern },
      })
    },
  }
}

async function loggedBefore(metadata: Parts['metadata']): Promise<Set<string>> {
  const events = await metadata.listEvents({ types: ['topic.refused'], limit: MAX_EVENTS_READ })
  return new Set(
    events.map(({ topic = '', details, message }) =>
      keyOf({ source: String(details.source), topic }, message),
    ),
  )
}

function keyOf({ source, topic }: SourceTopic, message: string): string {
  return JSON.stringify([source, topic, message])
}
