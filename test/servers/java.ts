/** The installed Java that a server needs: `JAVA_HOME`'s, the one on PATH, or one of Debian's folder of JDKs, the oldest that will do. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const JDK_FOLDER = '/usr/lib/jvm'

/** The path of a `java` of at least that major version, for example 24; what it is for goes into the error. */
export function findJava(minMajor: number, what: string): string {
  const home = process.env.JAVA_HOME
  const installed = existsSync(JDK_FOLDER) ? readdirSync(JDK_FOLDER) : []
  const candidates = [
    ...(home === undefined ? [] : [join(home, 'bin', 'java')]),
    'java',
    ...installed.map(name => join(JDK_FOLDER, name, 'bin', 'java')),
  ]
  const found = candidates.map(java => ({ java, major: javaMajor(java) }))
  const fit = found.filter(({ major }) => major >= minMajor).sort((a, b) => a.major - b.major)[0]
  if (fit === undefined) {
    const majors = [...new Set(found.map(({ major }) => major))].filter(major => major > 0)
    throw new Error(
      `${what} needs Java ${minMajor} or later in JAVA_HOME, on PATH or in ${JDK_FOLDER}; found ${majors.join(', ') || 'none'}.`,
    )
  }
  return fit.java
}

function javaMajor(java: string): number {
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' })
  return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0)
}
