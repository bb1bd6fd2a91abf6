/**
 * Refusals of a REST catalog in the user's terms. All are `retry`: a permission that is granted, a credential that is replaced or a server
 * that comes back ends the failure by itself, and until then the publication says which, why and since when.
 */
import { z } from 'zod'
import { AppError } from '../../shared/runtime/errors.ts'
import { type TlsFailureKind, tlsFailureOf } from '../../shared/runtime/tls-failure.ts'
import type { HttpAnswer, NoAnswer } from './http.ts'

/** What a request is for. */
export interface Purpose {
  /** Completes "Could not …": `load table shop.orders`. */
  readonly doing: string
  /** What whoever asks must be allowed: `read the table's metadata`. */
  readonly permission: string
}

export interface Asked extends Purpose {
  readonly catalog: string
  /** Where the server is, without secrets. */
  readonly uri: string
  /** How requests show who sends them, as a setting: `credential`. */
  readonly shownBy: string
}

/** The specification's error model. */
export interface Refusal {
  readonly status: number
  /** `NoSuchTableException`; '' where the answer is none of the specification. */
  readonly type: string
  readonly words: string
}

const MAX_WORDS = 500
const errorModel = z.object({
  error: z.object({ message: z.string().nullish(), type: z.string().nullish() }),
})

/** `hide` takes secrets out of what the server says. */
export function refusalOf({ status, text }: HttpAnswer, hide: (text: string) => string): Refusal {
  const found = errorModel.safeParse(jsonOf(text)).data?.error
  const words = hide(found?.message ?? '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return { status, type: hide(found?.type ?? ''), words: words.slice(0, MAX_WORDS) }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isUnauthorized({ status }: { readonly status: number }): boolean {
  return status === 401 || status === 419
}

/** What cannot be done where it was asked, or may not, so that another way may be tried: not a matter of what is there or of the time. */
export function isUnsupported({ status, type }: Refusal): boolean {
  if ([400, 403, 405, 406, 422, 501].includes(status)) return true
  return status === 404 && !type.startsWith('NoSuch')
}

export function refusalError(asked: Asked, refusal: Refusal): AppError {
  const { status, type, words } = refusal
  const said = [type, words].filter(part => part !== '').join(': ')
  const { code, advice } = kindOf(asked, refusal)
  return new AppError({
    code,
    next: 'retry',
    message: `Could not ${asked.doing} in catalog ${asked.catalog} (${asked.uri}): it answers ${status}${said === '' ? '' : ` ${said.replace(/\.$/, '')}`}. ${advice}`,
    details: { catalog: asked.catalog, httpStatus: status, ...(type !== '' && { catalogError: type }) },
  })
}

interface Kind {
  readonly code: string
  readonly advice: string
}

function kindOf({ permission, shownBy }: Asked, { status, type }: Refusal): Kind {
  if (status === 401 || status === 419) {
    return {
      code: 'catalog-unauthorized',
      advice:
        shownBy === ''
          ? 'The server wants to know who asks: set token, credential or sigv4 of this catalog in tidewater.yaml.'
          : `The server does not accept what ${shownBy} in tidewater.yaml gives: it may be wrong, past its end, or of another server.`,
    }
  }
  if (status === 403) {
    return {
      code: 'catalog-forbidden',
      advice: `Allow whoever asks${shownBy === '' ? '' : ` (${shownBy} in tidewater.yaml)`} to ${permission}. Tidewater goes on as soon as that is done.`,
    }
  }
  if (type === 'NoSuchWarehouseException')
    return {
      code: 'catalog-not-found',
      advice: 'Set warehouse of this catalog in tidewater.yaml to one that it has.',
    }
  if (status === 404) {
    return {
      code: 'catalog-not-found',
      advice:
        'Is uri in tidewater.yaml the address of the Iceberg REST API, up to and without /v1, and warehouse one that the server has?',
    }
  }
  if (status === 429 || status >= 500)
    return { code: 'catalog-unavailable', advice: 'Tidewater tries again.' }
  return {
    code: 'catalog-rejected',
    advice:
      'The server refuses this request; its words say why. Tidewater tries again at every commit interval.',
  }
}

const TLS_ADVICE: Readonly<Record<TlsFailureKind, string>> = {
  authority:
    'Nobody whom Tidewater trusts has signed the certificate of the server: give the certificate of its authority as ca_file of this catalog in tidewater.yaml, or in NODE_EXTRA_CA_CERTS.',
  name: 'Write the host of uri in tidewater.yaml as the certificate of the server has it.',
  time: 'Renew the certificate of the server, or set the clock of this machine right.',
  'client-certificate':
    'The server wants a certificate of its clients, which Tidewater has none of for catalogs.',
  'no-tls':
    'There is no TLS at this port: write http:// instead of https:// in uri, or the port that speaks TLS.',
  other: 'Check which versions and ciphers of TLS the server takes.',
}

export function noAnswerError({ doing, catalog, uri }: Asked, failure: NoAnswer): AppError {
  const tls = tlsFailureOf(failure.cause)
  return new AppError({
    code: tls === undefined ? 'catalog-unavailable' : 'catalog-tls',
    next: 'retry',
    message:
      tls === undefined
        ? `Could not ${doing} in catalog ${catalog}: no whole answer from ${uri}: ${failure.message}. Is the server running there, and can this process reach it? Tidewater tries again.`
        : `Could not ${doing} in catalog ${catalog}: no TLS connection to ${uri}: ${tls.reason}. ${TLS_ADVICE[tls.kind]}`,
    details: { catalog },
    cause: failure,
  })
}

export function malformedAnswer({ doing, catalog, uri }: Asked, problem: string): AppError {
  return new AppError({
    code: 'catalog-answer-malformed',
    next: 'retry',
    message: `Could not ${doing} in catalog ${catalog}: the answer of ${uri} is not what the Iceberg REST specification describes: ${problem}. Is uri in tidewater.yaml the address of the Iceberg REST API?`,
    details: { catalog },
  })
}
