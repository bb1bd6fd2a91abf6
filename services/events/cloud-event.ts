/**
 * An event of the log as CloudEvents 1.0 writes it (JSON event format, section 3): what happened, since when, and what to do. `source` is the
 * warehouse, and `id` rises within it, so the two together name an event for good.
 */
import type { Severity } from '../../shared/metadata/event-types.ts'
import { factsOfEvent, whatToDoAbout } from '../../shared/metadata/event-types.ts'
import type { EventRecord } from '../../shared/metadata/metadata-store.ts'

export const CLOUD_EVENTS_BATCH = 'application/cloudevents-batch+json; charset=utf-8'

export interface CloudEvent {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
  readonly time: string
  readonly subject?: string
  readonly datacontenttype: 'application/json'
  readonly data: {
    readonly message: string
    readonly what_to_do: string
    readonly severity: Severity
    readonly since: string
    readonly table: string | null
    readonly topic: string | null
    readonly partition: number | null
    readonly details: Readonly<Record<string, unknown>>
    readonly who: string | null
    readonly why: string | null
  }
}

/** `warehouse` is its URL, which may hold characters that a URI may not. */
export function cloudEventOf(event: EventRecord, warehouse: string): CloudEvent {
  const { type, table, topic, partition, details, note } = event
  const subject = subjectOf(event)
  return {
    specversion: '1.0',
    id: String(event.eventId),
    source: encodeURI(warehouse),
    type,
    time: new Date(event.atMs).toISOString(),
    ...(subject !== undefined && { subject }),
    datacontenttype: 'application/json',
    data: {
      message: event.message,
      what_to_do: whatToDoAbout(type, event),
      severity: factsOfEvent(type).severity,
      since: new Date(sinceMsOf(event)).toISOString(),
      table: table ?? null,
      topic: topic ?? null,
      partition: partition ?? null,
      details,
      who: note?.who ?? null,
      why: note?.why ?? null,
    },
  }
}

/** When the state that the event tells of began: with the event, unless it says otherwise. */
function sinceMsOf({ atMs, details }: EventRecord): number {
  const { sinceMs } = details
  const isTime = typeof sinceMs === 'number' && Number.isInteger(sinceMs) && sinceMs >= 0 && sinceMs <= atMs
  return isTime ? sinceMs : atMs
}

function subjectOf({ table, topic, partition }: EventRecord): string | undefined {
  const place = partition === undefined ? topic : `${topic}-${partition}`
  const parts = [table, place].filter(part => part !== undefined)
  return parts.length === 0 ? undefined : parts.join('/')
}
