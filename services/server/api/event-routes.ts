/** The event log over HTTP. */
import { z } from 'zod'
import {
  EVENT_TYPES,
  eventTypesMatching,
  isEventType,
  SEVERITIES,
} from '../../../shared/metadata/event-types.ts'
import { CLOUD_EVENTS_BATCH, cloudEventOf } from '../../events/cloud-event.ts'
import { HttpError } from '../problem.ts'
import { eventsAnswer } from './answers.ts'
import {
  type ApiRoute,
  findTable,
  idParameter,
  limitParameter,
  route,
  tableParameter,
  wordsParameter,
} from './route.ts'

const ALL_TYPES = Object.keys(EVENT_TYPES).filter(isEventType)

export const eventRoutes: readonly ApiRoute[] = [
  route({
    path: '/events',
    operationId: 'listEvents',
    summary:
      'The event log as a batch of CloudEvents: newest first, and on with before=<id of the last one>; or oldest first after an id, to follow it.',
    query: z.strictObject({
      type: wordsParameter(ALL_TYPES, 'Only these types.').optional(),
      severity: wordsParameter(SEVERITIES, 'Only these severities.').optional(),
      table: tableParameter.optional(),
      before: idParameter('Only events with lower ids, newest first.').optional(),
      after: idParameter('Only events with higher ids, oldest first.').optional(),
      limit: limitParameter,
    }),
    answer: eventsAnswer,
    contentType: CLOUD_EVENTS_BATCH,
    async handle({ metadata, config }, { query: { type, severity, table, before, after, limit } }) {
      if (before !== undefined && after !== undefined)
        throw new HttpError(
          400,
          'query-invalid',
          'before goes back and after goes forward: give one of the two.',
        )
      const types = eventTypesMatching({ types: type, severities: severity })
      const events = await metadata.listEvents({
        limit,
        ...(types !== undefined && { types }),
        ...(table !== undefined && { tableId: (await findTable(metadata, table)).tableId }),
        ...(before !== undefined && { before }),
        ...(after !== undefined && { after }),
      })
      return events.map(event => cloudEventOf(event, config.warehouse.url))
    },
  }),
]
