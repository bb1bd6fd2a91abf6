/**
 * Page tokens: where a list goes on, as text that clients hand back as it is. A token belongs to one list with its filters, so that one that
 * strays into another list is refused rather than answered wrongly. It holds nothing secret, and whoever forges one reads the same list.
 */
import { z } from 'zod'
import { HttpError } from '../problem.ts'

const MAX_TOKEN_LENGTH = 8192

const tokenSchema = z.tuple([z.string(), z.array(z.string())])

export interface PageScope {
  /** Names the list and its filters. */
  readonly list: readonly (string | undefined)[]
}

export function pageToken({ list }: PageScope, cursor: readonly (string | bigint | number)[]): string {
  return Buffer.from(JSON.stringify([scopeText(list), cursor.map(String)])).toString('base64url')
}

/** The cursor that `pageToken` was given, as text, matched part by part; `undefined` without a token. Errors: 400 `page-token-invalid`. */
export function readPageToken(
  { list }: PageScope,
  token: string | undefined,
  parts: readonly RegExp[],
): readonly string[] | undefined {
  if (token === undefined) return undefined
  const [scope, cursor] = decode(token) ?? []
  const isWhole =
    cursor?.length === parts.length && parts.every((part, index) => part.test(cursor[index] ?? ''))
  if (scope === scopeText(list) && isWhole) return cursor
  throw new HttpError(
    400,
    'page-token-invalid',
    'page: expected next_page of an earlier answer of this list with the same parameters, as it was. Leave it out to begin at the first page.',
  )
}

export const DIGITS = /^\d{1,18}$/

function decode(token: string): z.infer<typeof tokenSchema> | undefined {
  if (token.length > MAX_TOKEN_LENGTH || !/^[A-Za-z0-9_-]+$/.test(token)) return undefined
  try {
    return tokenSchema.safeParse(JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))).data
  } catch {
    return undefined
  }
}

function scopeText(list: PageScope['list']): string {
  return JSON.stringify(list.map(part => part ?? null))
}
