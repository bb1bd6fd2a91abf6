/** How requests to a catalog show who sends them. */
import type { HttpRequest } from './http.ts'

export interface Authorization {
  /** Headers for this request. Throws AppErrors where there is nothing to show: `next` is `retry`, whatever is wrong may be mended outside. */
  headersFor(request: HttpRequest): Promise<Readonly<Record<string, string>>>
  /** The server refused what these headers show (401, 419). Whether another attempt would show something new. */
  renew(refused: Readonly<Record<string, string>>): boolean
  /** Texts that appear in no message, also where the server repeats them. */
  secrets(): readonly string[]
}

export const noAuthorization: Authorization = {
  headersFor: async () => ({}),
  renew: () => false,
  secrets: () => [],
}

export function bearerAuthorization(token: string): Authorization {
  const headers = bearer(token)
  return { headersFor: async () => headers, renew: () => false, secrets: () => [token] }
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
