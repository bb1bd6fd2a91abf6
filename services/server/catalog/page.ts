/** Pages of listings: what a client asks for, and the token that leads on. A token carries the last name that was sent and what was listed. */
import { z } from 'zod'
import { refusal, shown } from './catalog-error.ts'

/** Names in a page, whatever a client asks for. */
export const MAX_PAGE_SIZE = 1000
/** Without `pageToken` the specification wants the whole listing in one answer; beyond this a token leads on all the same. */
export const MAX_UNPAGED_NAMES = 10_000
const MAX_TOKEN_CHARACTERS = 4096

export interface Page {
  readonly after?: string
  readonly limit: number
}

const querySchema = z.object({ pageToken: z.string().optional(), pageSize: z.string().optional() })
const tokenSchema = z.tuple([z.string(), z.string()])

/** `listing` names what is listed, so that a token of another listing is refused. */
export function pageOf(query: unknown, listing: string): Page {
  const parsed = querySchema.safeParse(query)
  if (!parsed.success) {
    throw refusal('catalog-bad-request', 'pageToken and pageSize may be given once each.')
  }
  const { pageToken, pageSize } = parsed.data
  const limit = limitOf(pageSize, pageToken !== undefined)
  // An empty token asks for the first page.
  return pageToken === undefined || pageToken === ''
    ? { limit }
    : { limit, after: afterOf(pageToken, listing) }
}

function limitOf(pageSize: string | undefined, isPaged: boolean): number {
  if (pageSize !== undefined && !/^0*[1-9][0-9]*$/.test(pageSize)) {
    throw refusal('catalog-bad-request', `pageSize is a whole number from 1 up, found ${shown(pageSize)}.`)
  }
  if (!isPaged) return MAX_UNPAGED_NAMES
  return Math.min(MAX_PAGE_SIZE, pageSize === undefined ? MAX_PAGE_SIZE : Number(pageSize))
}

function afterOf(token: string, listing: string): string {
  const parsed = token.length > MAX_TOKEN_CHARACTERS ? undefined : tokenSchema.safeParse(jsonOf(token))
  if (parsed?.success === true && parsed.data[0] === listing) return parsed.data[1]
  throw refusal(
    'catalog-bad-request',
    `pageToken ${shown(token)} is none that this listing gave. Send the next-page-token of the page before, or an empty one for the first page.`,
  )
}

function jsonOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch {
    return undefined
  }
}

export interface NamesOnPage {
  readonly names: readonly string[]
  /** `null` on the last page. */
  readonly nextToken: string | null
}

/** Of one name more than the page holds, which tells whether there is another page. */
export function cutPage(names: readonly string[], { limit }: Page, listing: string): NamesOnPage {
  const page = names.slice(0, limit)
  const last = page.at(-1)
  const isLast = names.length <= limit || last === undefined
  return {
    names: page,
    nextToken: isLast ? null : Buffer.from(JSON.stringify([listing, last])).toString('base64url'),
  }
}
