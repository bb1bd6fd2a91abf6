/**
 * Every type of event that Tidewater raises: how bad it is, what it means, and what a person does about it. The type of a new event is one
 * of these names, so that none is raised without its entry; docs/operating.md lists the same.
 *
 * Names are stable. `{table}`, `{topic}` and `{partition}` in `whatToDo` stand for those of the event. An event whose state began before it
 * was raised carries `sinceMs` in its details.
 */

/** error: something has stopped until a person acts · warning: something is wrong and may mend itself · info: for the record. */
export type Severity = 'error' | 'warning' | 'info'

export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info']

export interface EventTypeFacts {
  readonly severity: Severity
  /** Completes "this event means that …". */
  readonly meaning: string
  /** Absent where a person has nothing to do. */
  readonly whatToDo?: string
}

export const EVENT_TYPES = {
  'partition.stopped': {
    severity: 'error',
    meaning:
      'something in this partition cannot be read, and nothing of it is planned or converted any more. Other partitions go on.',
    whatToDo:
      'Mend what the message names (restore the segment, correct the declaration), then: tidewater resume {table} --partition {partition} --why … If it is lost for good: tidewater skip-to {table} --partition {partition} --offset <n> --why …',
  },
  'table.stopped': {
    severity: 'error',
    meaning:
      'too large a share of the records of a task did not fit (dlq_max_ratio), so the whole table stopped before anything of that task was committed.',
    whatToDo:
      'See what the records look like (tidewater segment cat), mend the producer or the declaration or raise dlq_max_ratio, then: tidewater resume {table} --why …',
  },
  'partition.stalled': {
    severity: 'warning',
    meaning:
      'the source of this partition holds more than what is committed, and the watermark has not moved for two commit intervals. What was committed stays queryable.',
    whatToDo:
      'Read the message: it names the task at the watermark and its last error. Without an error, look whether processes run and keep up (tidewater status, queued and claimed tasks). partition.moving follows when it goes on.',
  },
  'partition.moving': {
    severity: 'info',
    meaning: 'the watermark of a partition that had stalled moves again.',
  },
  'task.failing': {
    severity: 'warning',
    meaning: 'a task has failed again and again for a reason that may pass, and is tried on.',
    whatToDo:
      'Look at the message: usually storage that cannot be reached or permissions that changed. Nothing needs to be restarted; the task goes through once the cause is gone.',
  },
  'segment.abandoned': {
    severity: 'warning',
    meaning:
      'of a segment only one object came, its .kfs or its .index, while a later segment came whole. The table goes on without it and does not look at it again; source.gap follows with the offsets.',
    whatToDo:
      'Look at the key in the details: where both objects stand by now, the segment came too late, and its records are in the source and not in {table}. tidewater segment cat shows them, for whoever produces them again. Brokers that are late as a rule want a longer segment_settle.',
  },
  'source.gap': {
    severity: 'warning',
    meaning:
      'no segment holds these offsets: the brokers lost them, or retention removed them before they were converted. The table goes on after them.',
    whatToDo:
      'Ask whether the records can be produced again. If they are lost, there is nothing to do here: the gap is accounted for. To be asked the next time, declare on_source_gap: stop.',
  },
  'topic.refused': {
    severity: 'warning',
    meaning:
      'a topic matches a pattern of source_topics and becomes no table: its name, made of the topic’s, is taken or cannot be a name. Other topics are not concerned; nothing of this one is converted.',
    whatToDo:
      'Declare a table for it with source_topic: {topic} and a name of its own, or add it to exclude_topics. Segments wait in the source for as long as the brokers keep them.',
  },
  'partition.replanned': {
    severity: 'info',
    meaning:
      'a segment changed or went away between planning and conversion, so what was not committed is planned afresh.',
    whatToDo: 'Nothing. If it comes again and again, look for what rewrites or deletes segments of {topic}.',
  },
  'publication.held': {
    severity: 'error',
    meaning:
      'a catalog shows something that Tidewater did not write under the name of this table, or no longer what it wrote. Nothing was overwritten; the table goes on, and is published to its other catalogs.',
    whatToDo:
      'Find who wrote to the table and put the catalog back to what Tidewater published last, then: tidewater resume {table} --why …',
  },
  'publication.failing': {
    severity: 'warning',
    meaning:
      'a catalog has failed to take the newest snapshot of this table for minutes, and is tried on. The table goes on, and is published to its other catalogs; readers of this one see it as it was.',
    whatToDo:
      'Look at the message and at the catalog: usually it cannot be reached, or credentials changed. It catches up in one commit once the cause is gone.',
  },
  'publication.recovered': {
    severity: 'info',
    meaning: 'a catalog that was failing shows the table as it is again.',
  },
  'dlq.topic_stopped': {
    severity: 'error',
    meaning:
      'dead letters of this table cannot be written to their topic, and wait. They are in the dead-letter table all the same; nothing else stops.',
    whatToDo:
      'Mend what the message names: usually another program writes where the topic lies (dlq_url). Rendering goes on by itself.',
  },
  'operator.pause': {
    severity: 'info',
    meaning: 'a person paused the table or the partition; nothing of it is planned or converted.',
    whatToDo: 'When the reason is gone: tidewater resume {table} --why …',
  },
  'operator.resume': {
    severity: 'info',
    meaning: 'a person let the table or the partition go on.',
  },
  'operator.skip_to': {
    severity: 'warning',
    meaning: 'a person gave offsets up for good; they are counted as skipped.',
    whatToDo: 'Nothing. The offsets are in the details, for whoever produces the records again.',
  },
  'operator.unpark': {
    severity: 'info',
    meaning: 'a person let a parked task be tried again.',
    whatToDo: 'Nothing. If it fails again, its partition stops again.',
  },
} as const satisfies Readonly<Record<string, EventTypeFacts>>

/** What is written where there is nothing to do. */
export const NOTHING_TO_DO = 'Nothing.'

export type EventType = keyof typeof EVENT_TYPES

const TYPES = new Map<string, EventTypeFacts>(Object.entries(EVENT_TYPES))

/** Of a type that this version does not raise any more, so that an old log stays readable. */
const FORMER: EventTypeFacts = {
  severity: 'info',
  meaning: 'an earlier version of Tidewater raised it.',
}

export function factsOfEvent(type: string): EventTypeFacts {
  return TYPES.get(type) ?? FORMER
}

export function isEventType(type: string): type is EventType {
  return TYPES.has(type)
}

function eventTypesOf(severity: Severity): readonly EventType[] {
  return [...TYPES].flatMap(([type, facts]) =>
    facts.severity === severity && isEventType(type) ? [type] : [],
  )
}

/** Those of the given types that have one of the given severities; `undefined` for all types. */
export function eventTypesMatching({
  types,
  severities,
}: {
  readonly types: readonly EventType[] | undefined
  readonly severities: readonly Severity[] | undefined
}): readonly EventType[] | undefined {
  const ofSeverity = severities?.flatMap(eventTypesOf)
  if (types === undefined || ofSeverity === undefined) return types ?? ofSeverity
  return types.filter(type => ofSeverity.includes(type))
}

/** What to do about one event, with its own names filled in; a name that it does not have stays in angle brackets. */
export function whatToDoAbout(
  type: string,
  names: { readonly table?: string; readonly topic?: string; readonly partition?: number },
): string {
  const { whatToDo = NOTHING_TO_DO } = factsOfEvent(type)
  return whatToDo.replaceAll(/\{(table|topic|partition)\}/g, (_, name: 'table' | 'topic' | 'partition') =>
    String(names[name] ?? `<${name}>`),
  )
}
