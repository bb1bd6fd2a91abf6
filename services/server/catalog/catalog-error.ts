/**
 * Every refusal and failure of the catalog in the model of the REST catalog's specification: `{error: {message, type, code}}`.
 * Java clients choose their exception by the status and, where several share one, by `type`; Python and Trino by the status.
 */
import type { FastifyReply } from 'fastify'
import { HttpError, httpErrorOf } from '../problem.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
/** What a client sent is shown back to it up to this length. */
const MAX_SHOWN_CHARACTERS = 200
const MAX_MESSAGE_CHARACTERS = 2000

const REFUSALS = {
  'catalog-bad-request': { status: 400, type: 'BadRequestException' },
  'catalog-read-only': { status: 403, type: 'ForbiddenException' },
  'no-such-warehouse': { status: 404, type: 'NoSuchWarehouseException' },
  'no-such-namespace': { status: 404, type: 'NoSuchNamespaceException' },
  'no-such-table': { status: 404, type: 'NoSuchTableException' },
  'no-such-view': { status: 404, type: 'NoSuchViewException' },
  'no-such-endpoint': { status: 404, type: 'NotFoundException' },
} as const

/** Of the server's own refusals: no token, too many requests. */
const TYPES: Readonly<Record<number, string>> = {
  401: 'NotAuthorizedException',
  403: 'ForbiddenException',
  429: 'TooManyRequestsException',
  503: 'ServiceUnavailableException',
}

type Refusal = keyof typeof REFUSALS

/** A request that is refused as it stands. */
export function refusal(code: Refusal, message: string): HttpError {
  return new HttpError(REFUSALS[code].status, code, message)
}

/** A name from a request as a message shows it: quoted, with whatever does not print written out. */
export function shown(name: string): string {
  const cut = name.length <= MAX_SHOWN_CHARACTERS ? name : `${name.slice(0, MAX_SHOWN_CHARACTERS)}…`
  return JSON.stringify(cut)
}

export function sendCatalogError(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, type, message, headers } = answerOf(error)
  const short =
    message.length <= MAX_MESSAGE_CHARACTERS ? message : `${message.slice(0, MAX_MESSAGE_CHARACTERS)}…`
  return reply
    .status(status)
    .headers(headers)
    .type(JSON_TYPE)
    .send(JSON.stringify({ error: { message: short, type, code: status } }))
}

/** Whether a person who runs the server should hear of it. */
export function isFailure(error: unknown): boolean {
  return httpErrorOf(error).status >= 500 && !(error instanceof HttpError)
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
}

function answerOf(error: unknown): Answer {
  const { status, code, message, headers } = httpErrorOf(error)
  const type = Object.hasOwn(REFUSALS, code) ? REFUSALS[code as Refusal].type : TYPES[status]
  if (type !== undefined) return { status, type, message, headers }
  // The operations know few statuses; a body that cannot be taken is a bad request to them, whatever HTTP calls it.
  return status < 500
    ? { status: 400, type: 'BadRequestException', message, headers }
    : { status: 500, type: 'InternalServerError', message, headers }
}
