/**
 * Installs what PyIceberg tries catalogs with: the tests of its source distribution with pytest (requirements.txt, from PyPI). It may be
 * called again at no cost. The Iceberg project's compatibility kit comes with its reference server (test/servers/install.ts).
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cached, runStep } from '../../../servers/cache.ts'
import { installReaders } from '../../readers/install.ts'

const FOLDER = import.meta.dirname
export interface PyIcebergTests {
  readonly python: string
  /** Holds `tests/`, and nothing of the library, which is the readers'. */
  readonly folder: string
  /** For PYTHONPATH. */
  readonly packages: string
}

export async function installPyIcebergTests(): Promise<PyIcebergTests> {
  const { python } = await installReaders()
  const requirements = join(FOLDER, 'requirements.txt')
  const version = runStep('Asking PyIceberg for its version', [
    python,
    ...['-c', 'import pyiceberg; print(pyiceberg.__version__)'],
  ]).trim()
  const name = `pyiceberg-tests-${version}-${digest(readFileSync(requirements))}`
  const folder = await cached(name, target => {
    const pip = [python, '-m', 'pip', '--quiet', '--disable-pip-version-check'] as const
    const source = ['download', '--no-deps', '--no-binary', 'pyiceberg', `pyiceberg==${version}`]
    runStep('Fetching the source of PyIceberg', [...pip, ...source], { cwd: target })
    const packages = join(target, 'packages')
    runStep('Installing pytest', [...pip, 'install', '--target', packages, '--requirement', requirements])
    const archive = readdirSync(target).find(file => file.endsWith('.tar.gz')) ?? ''
    const unpacked = archive.replace(/\.tar\.gz$/, '')
    runStep('Unpacking the tests', ['tar', '-xzf', archive, `${unpacked}/tests`], { cwd: target })
    renameSync(join(target, unpacked, 'tests'), join(target, 'tests'))
    for (const rest of [archive, unpacked]) rmSync(join(target, rest), { recursive: true })
  })
  return { python, folder, packages: join(folder, 'packages') }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12)
}

if (import.meta.main) {
  const started = performance.now()
  await installPyIcebergTests()
  console.log(`catalog tests: installed (${((performance.now() - started) / 1000).toFixed(1)} s)`)
}
