/** Authorities that sign certificates of servers: those that Node trusts, and one of the user's own. */
import { readFileSync } from 'node:fs'
import { getCACertificates } from 'node:tls'
import { AppError } from './errors.ts'

export interface AuthorityFile {
  /** Of a PEM file. */
  readonly path: string
  /** The code where it cannot be read, and the setting that names it, for example `ca_file of a store`. */
  readonly code: string
  readonly setting: string
}

/** A list of one's own takes the place of Node's, which stays in force here: a server may be behind a proxy of either kind. */
export function trustedAuthorities({ path, code, setting }: AuthorityFile): string[] {
  try {
    return [...getCACertificates('default'), readFileSync(path, 'utf8')]
  } catch (cause) {
    throw new AppError({
      code,
      next: 'fatal',
      message: `Reading ${path} (${setting} in tidewater.yaml) failed: ${cause instanceof Error ? cause.message : String(cause)}.`,
      details: { path },
      cause,
    })
  }
}
