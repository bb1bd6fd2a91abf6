/** Every refusal and failure of the server as problem JSON (RFC 9457), with Tidewater's own stable code. */
import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { stringifyExactJson } from '../../shared/iceberg/exact-json.ts'
import { AppError } from '../../shared/runtime/errors.ts'

export const PROBLEM_JSON = 'application/problem+json; charset=utf-8'
/** Seconds after which a request that was refused for want of room may come again. */
const RETRY_AFTER_SECONDS = 1
/** A client that sends this much rubbish reads no more of it back. */
const MAX_DETAIL_LENGTH = 2000

export const problemSchema = z.object({
  type: z.string().meta({ description: 'urn:tidewater:problem: and the code.' }),
  title: z.string().meta({ description: 'The phrase of the status.' }),
  status: z.int().meta({ description: 'The HTTP status.' }),
  code: z.string().meta({ description: 'What went wrong, stable, kebab-case.' }),
  detail: z.string().meta({ description: 'What was asked, what was found, what to do.' }),
})
export type Problem = z.infer<typeof problemSchema>

/** A request that cannot be answered as it stands. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

export function busy(message: string): HttpError {
  return new HttpError(503, 'busy', message, { 'retry-after': String(RETRY_AFTER_SECONDS) })
}

/** One client came too often; others are not concerned. */
export function tooManyRequests(message: string, waitMs: number): HttpError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  return new HttpError(429, 'too-many-requests', message, { 'retry-after': String(seconds) })
}

/** What a client is told of any failure: an unforeseen one is told nothing of, since its text was not written for it. */
export function httpErrorOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof AppError) {
    return error.next === 'retry'
      ? new HttpError(503, error.code, error.message, { 'retry-after': String(RETRY_AFTER_SECONDS) })
      : new HttpError(500, error.code, error.message)
  }
  const { statusCode, code, message } = frameworkErrorSchema.safeParse(error).data ?? {}
  if (statusCode === undefined || code === undefined || message === undefined)
    return new HttpError(
      500,
      'internal-error',
      'The request failed for an unforeseen reason; it is in the log.',
    )
  const known = FRAMEWORK_ERRORS[code]
  return new HttpError(statusCode, known?.code ?? 'bad-request', known?.message ?? message)
}

/** Errors of fastify: what is wrong with the request itself. */
const frameworkErrorSchema = z.object({
  statusCode: z.int().min(400).max(599),
  code: z.string().startsWith('FST_'),
  message: z.string(),
})
const FRAMEWORK_ERRORS: Readonly<Record<string, { readonly code: string; readonly message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'body-too-large',
    message: 'The body of the request is larger than this route takes, or than server.max_body_size allows.',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'media-type-unknown',
    message: 'The body of the request is not application/json.',
  },
  FST_ERR_BAD_URL: {
    code: 'bad-url',
    message: 'The url cannot be read: a % must be followed by two hexadecimal digits of UTF-8.',
  },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'bad-url', message: 'A part of the url is too long.' },
  FST_ERR_HANDLER_TIMEOUT: {
    code: 'request-timeout',
    message: 'The answer was not ready within server.request_timeout. Ask for less, or come again.',
  },
}

export function problemOfError({ status, code, message }: HttpError): Problem {
  const detail = message.length <= MAX_DETAIL_LENGTH ? message : `${message.slice(0, MAX_DETAIL_LENGTH)}…`
  const title = STATUS_CODES[status] ?? 'Error'
  return { type: `urn:tidewater:problem:${code}`, title, status, code, detail }
}

export function sendProblem(reply: FastifyReply, error: HttpError): FastifyReply {
  return reply
    .status(error.status)
    .headers(error.headers)
    .type(PROBLEM_JSON)
    .send(stringifyExactJson(problemOfError(error)))
}
