/**
 * Installs the outside readers: a Python venv with requirements.txt from PyPI, and the jars of jars.txt from Maven Central, for Java 17.
 * It may be called again at no cost. `node test/interop/readers/install.ts` installs them and prints their versions.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, runStep } from '../../servers/cache.ts'

const FOLDER = import.meta.dirname
const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'
const MIN_JAVA_MAJOR = 17

export interface Readers {
  /** The Python that has the readers' libraries. */
  readonly python: string
  /** The folder of the jars that Spark needs for Iceberg. */
  readonly jars: string
}

export async function installReaders(): Promise<Readers> {
  const requirements = join(FOLDER, 'requirements.txt')
  const artifacts = readFileSync(join(FOLDER, 'jars.txt'), 'utf8').split('\n').filter(Boolean)
  const pins = createHash('sha256').update(readFileSync(requirements)).update(artifacts.join())
  const folder = await cached(`readers-${pins.digest('hex').slice(0, 12)}`, target => {
    requireJava()
    const venv = join(target, 'venv')
    runStep('Making a Python venv (Debian: python3-venv)', ['python3', '-m', 'venv', venv])
    runStep('Installing PyIceberg and PySpark', [
      join(venv, 'bin', 'python'),
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements],
    ])
    const jars = join(target, 'jars')
    mkdirSync(jars)
    for (const artifact of artifacts) {
      runStep(`Fetching ${artifact}`, [
        'mvn',
        ...['--batch-mode', '--quiet', COPY_GOAL, `-Dartifact=${artifact}`, `-DoutputDirectory=${jars}`],
      ])
    }
  })
  return { python: join(folder, 'venv', 'bin', 'python'), jars: join(folder, 'jars') }
}

function requireJava(): void {
  const { stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  const major = Number(/version "(\d+)/.exec(stderr ?? '')?.[1])
  if (!(major >= MIN_JAVA_MAJOR))
    throw new Error(`Spark needs Java ${MIN_JAVA_MAJOR} or later on PATH; found ${major || 'none'}.`)
}

if (import.meta.main) {
  const started = performance.now()
  const { python } = await installReaders()
  const report =
    'import pyiceberg, pyspark; print(f"pyiceberg {pyiceberg.__version__}, spark {pyspark.__version__}")'
  const versions = runStep('Asking the readers for their versions', [python, '-c', report]).trim()
  console.log(`readers: ${versions} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
}
