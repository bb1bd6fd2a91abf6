/**
 * Completes package-lock.json with the builds of native packages for other platforms: `node packaging/complete-lock.ts`, after
 * `npm install` of a package that has such builds. A registry mirror may lack those that it never had to serve; npm then leaves them
 * out of the lock file, and `npm ci` refuses it. They are optional and never fetched on a platform that is not theirs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const LOCK_FILE = join(import.meta.dirname, '..', 'package-lock.json')
const PLATFORMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64']

const packageSchema = z.looseObject({ optionalDependencies: z.record(z.string(), z.string()).optional() })
const lockSchema = z.looseObject({ packages: z.record(z.string(), packageSchema) })

export interface MissingBuild {
  readonly name: string
  readonly version: string
  /** The package that wants it. */
  readonly parent: string
}

/** Optional dependencies that the lock file names but does not hold. */
export function missingBuilds(lockText: string): MissingBuild[] {
  const { packages } = lockSchema.parse(JSON.parse(lockText))
  const held = Object.keys(packages)
  return Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !held.some(path => path.endsWith(`node_modules/${name}`)))
      .map(([name, version]) => ({ name, version, parent })),
  )
}

/** The lock file with an entry for every missing build, its platform taken from its name (`…-linux-arm64-musl`). */
export function completeLock(lockText: string): string {
  const { packages: held } = lockSchema.parse(JSON.parse(lockText))
  const added = missingBuilds(lockText).map(({ name, version, parent }) => {
    const words = name.split(/[/-]/)
    const os = PLATFORMS.filter(platform => words.includes(platform))
    const cpu = PROCESSORS.filter(processor => words.includes(processor))
    if (os.length !== 1 || cpu.length !== 1) throw new Error(`${name}: its name does not say its platform.`)
    const libc = os[0] === 'linux' ? { libc: [words.includes('musl') ? 'musl' : 'glibc'] } : {}
    const dev = held[parent]?.dev === true ? { dev: true } : {}
    return [`node_modules/${name}`, { version, cpu, ...dev, ...libc, optional: true, os }] as const
  })
  // The order that npm keeps.
  const byPath = (a: readonly [string, unknown], b: readonly [string, unknown]) =>
    a[0].localeCompare(b[0], 'en')
  // The text as it was, since parsing by a schema moves the members that it knows to the front.
  const insert = (key: string, value: unknown) =>
    key === 'packages'
      ? Object.fromEntries(
          [...Object.entries(z.record(z.string(), z.unknown()).parse(value)), ...added].sort(byPath),
        )
      : value
  return `${JSON.stringify(JSON.parse(lockText, insert), null, 2)}\n`
}

if (import.meta.main) writeFileSync(LOCK_FILE, completeLock(readFileSync(LOCK_FILE, 'utf8')))
