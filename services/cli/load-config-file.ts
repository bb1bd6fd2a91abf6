/** Reads the configuration file and opens what it names. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Config } from '../../shared/config/config.ts'
import { formatConfigErrors } from '../../shared/config/config-error.ts'
import { loadConfig } from '../../shared/config/load-config.ts'
import { placeOf } from '../../shared/metadata/postgres/address.ts'
import { hasPostgresSchema } from '../../shared/metadata/postgres/preview.ts'
import { requireSqliteSchema } from '../../shared/metadata/sqlite/preview.ts'
import { AppError } from '../../shared/runtime/errors.ts'
import { systemRuntime } from '../../shared/runtime/system-runtime.ts'
import { openStores, type StoreParts } from '../parts.ts'
import { EXIT, type ExitCode } from './exit-code.ts'
import { note } from './terminal.ts'

export interface ConfigOption {
  readonly config: string
}

/** Runs `body` with the configuration, or says what is wrong with it and answers with exit code 2. */
export async function withConfig(
  { config: path }: ConfigOption,
  body: (config: Config) => Promise<ExitCode>,
): Promise<ExitCode> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    note(
      `tidewater: cannot read the configuration ${path}: ${cause instanceof Error ? cause.message : String(cause)}. Name another file with --config.`,
    )
    return EXIT.usage
  }
  const loaded = loadConfig(text, { path, env: process.env })
  if (loaded.kind === 'ok') return await body(loaded.config)
  note(formatConfigErrors(path, loaded.errors))
  note(`${loaded.errors.length} ${loaded.errors.length === 1 ? 'error' : 'errors'}`)
  return EXIT.usage
}

/**
 * Runs `body` with the stores and the metadata database of the configuration open. Only `run` creates or upgrades the database: without
 * one, 1; one of an older version is refused, since processes of that version may be at work on it.
 */
export async function withStores(
  option: ConfigOption,
  body: (parts: StoreParts) => Promise<ExitCode>,
): Promise<ExitCode> {
  return await withConfig(option, async config => {
    const { metadata } = config
    const place = metadata.kind === 'sqlite' ? metadata.path : placeOf(metadata.address)
    if (!(await hasDatabase(metadata))) {
      note(`tidewater: there is no metadata database at ${place} yet; tidewater run creates it`)
      return EXIT.failed
    }
    const parts = await openStores(config, systemRuntime)
    try {
      return await body(parts)
    } finally {
      await parts.close()
    }
  })
}

/** Throws `metadata-older`. */
async function hasDatabase(metadata: Config['metadata']): Promise<boolean> {
  if (metadata.kind === 'postgres') return await hasPostgresSchema(metadata.address)
  if (!existsSync(metadata.path)) return false
  requireSqliteSchema(metadata.path)
  return true
}

/** The named one of several, with the names that there are when it is missing. */
export function findNamed<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  name: string,
): T {
  const found = all.find(candidate => candidate.name === name)
  if (found !== undefined) return found
  const names = all.map(candidate => candidate.name).join(', ')
  throw new AppError({
    code: 'unknown-name',
    next: 'fatal',
    message: `There is no ${what} ${name}. There ${all.length === 1 ? 'is' : 'are'}: ${names || 'none'}.`,
  })
}
