/** The event log on a terminal, or one CloudEvent a line for programs; `--follow` goes on until it is interrupted. */
import {
  EVENT_TYPES,
  eventTypesMatching,
  factsOfEvent,
  isEventType,
  SEVERITIES,
} from '../../../shared/metadata/event-types.ts'
import type { EventFilter } from '../../../shared/metadata/metadata-store.ts'
import { type CloudEvent, cloudEventOf } from '../../events/cloud-event.ts'
import type { StoreParts } from '../../parts.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type ConfigOption, findNamed, withStores } from '../load-config-file.ts'
import { onStopSignal } from '../stop-signal.ts'
import { note, print, printJson } from '../terminal.ts'

const FOLLOW_INTERVAL_MS = 1000
/** Events read at once while following. */
const FOLLOW_PAGE_SIZE = 1000

interface EventsOptions extends ConfigOption {
  readonly follow?: boolean
  readonly json?: boolean
  /** Names with commas between them. */
  readonly type?: string
  readonly severity?: string
  readonly table?: string
  readonly limit: number
}

export async function events(options: EventsOptions): Promise<ExitCode> {
  const types = eventTypesMatching({
    types: wordsOf('type of event', options.type, Object.keys(EVENT_TYPES).filter(isEventType)),
    severities: wordsOf('severity', options.severity, SEVERITIES),
  })
  return await withStores(options, async parts => {
    const filter = { ...(types !== undefined && { types }), ...(await tableFilter(parts, options.table)) }
    const show = (event: CloudEvent) => (options.json ? printJson(event) : print(describe(event)))
    const shown = await showNewest(parts, { ...filter, limit: options.limit }, show)
    if (options.follow) await follow(parts, { ...filter, after: shown.lastId }, show)
    else if (shown.count === 0 && !options.json) note('No events.')
    return EXIT.done
  })
}

type Show = (event: CloudEvent) => void

/** Oldest first, so that the newest stands last. */
async function showNewest(
  { metadata, config }: StoreParts,
  filter: EventFilter,
  show: Show,
): Promise<{ readonly count: number; readonly lastId: bigint }> {
  // Asked for first: an event of another kind that comes between the two questions is none to show.
  const [newest] = await metadata.listEvents({ limit: 1 })
  const found = (await metadata.listEvents(filter)).toReversed()
  for (const event of found) show(cloudEventOf(event, config.warehouse.url))
  return { count: found.length, lastId: found.at(-1)?.eventId ?? newest?.eventId ?? 0n }
}

async function follow(
  { metadata, config, runtime }: StoreParts,
  from: Omit<EventFilter, 'limit'>,
  show: Show,
): Promise<void> {
  const stop = new AbortController()
  const { signal } = stop
  onStopSignal(() => stop.abort())
  let after = from.after
  while (!signal.aborted) {
    const found = await metadata.listEvents({
      ...from,
      ...(after !== undefined && { after }),
      limit: FOLLOW_PAGE_SIZE,
    })
    for (const event of found) show(cloudEventOf(event, config.warehouse.url))
    after = found.at(-1)?.eventId ?? after
    if (found.length < FOLLOW_PAGE_SIZE) await runtime.sleep(FOLLOW_INTERVAL_MS, signal)
  }
}

async function tableFilter(
  { metadata }: StoreParts,
  name: string | undefined,
): Promise<Pick<EventFilter, 'tableId'>> {
  return name === undefined ? {} : { tableId: findNamed('table', await metadata.listTables(), name).tableId }
}

function wordsOf<T extends string>(
  what: string,
  text: string | undefined,
  known: readonly T[],
): readonly T[] | undefined {
  return text?.split(',').map(
    word =>
      findNamed(
        what,
        known.map(name => ({ name })),
        word.trim(),
      ).name,
  )
}

function describe({ time, type, subject = '', data }: CloudEvent): string {
  const since = data.since === time ? '' : `, since ${shortTime(data.since)}`
  return [
    `${shortTime(time)}  ${data.severity.padEnd(7)}  ${type}  ${subject}${since}`.trimEnd(),
    `    ${data.message}`,
    ...(factsOfEvent(type).whatToDo === undefined ? [] : [`    → ${data.what_to_do}`]),
  ].join('\n')
}

function shortTime(iso: string): string {
  return iso.replace(/\.\d+Z$/, 'Z')
}
