/** Runs others' suites of tests against a catalog and gives what each test came to. Both write JUnit's reports. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installPyIcebergTests } from './install-kit.ts'

const LIMIT_MS = 600_000

export interface Outcome {
  /** Without its parameters. */
  readonly name: string
  readonly kind: 'passed' | 'failed' | 'skipped'
  /** Why not, with everything that the report says. */
  readonly why: string
}

/** The kit's tests of catalogs; those of views are left out, as Tidewater has none. */
export function runRestKit(jars: string, uri: string, warehouse: string): Promise<readonly Outcome[]> {
  return withReport(async folder => {
    await run('java', [
      // Namespaces are the first parts of tables' names, and need no making.
      ...[`-Duri=${uri}`, `-Dwarehouse=${warehouse}`, '-Drck.requires-namespace-create=false', '-Xmx512m'],
      ...['-cp', join(jars, '*'), 'org.junit.platform.console.ConsoleLauncher', 'execute'],
      ...['-c', 'org.apache.iceberg.rest.RESTCompatibilityKitCatalogTests', '--config', 'rck.local=false'],
      ...['--details=none', `--reports-dir=${folder}`],
    ])
    return join(folder, 'TEST-junit-jupiter.xml')
  })
}

/** PyIceberg's tests of any REST catalog. */
export async function runPyIcebergTests(uri: string, warehouse: string): Promise<readonly Outcome[]> {
  const { python, folder: tests, packages } = await installPyIcebergTests()
  return withReport(async folder => {
    const report = join(folder, 'report.xml')
    await run(
      python,
      [
        ...['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--rootdir', tests, `--junitxml=${report}`],
        ...['tests/integration/test_catalog.py', '-k', 'rest_test_catalog'],
      ],
      {
        cwd: tests,
        env: {
          PYTHONPATH: [join(import.meta.dirname, 'no-aws'), packages].join(':'),
          PYTHONDONTWRITEBYTECODE: '1',
          PYICEBERG_TEST_CATALOG: 'tidewater',
          PYICEBERG_CATALOG__TIDEWATER__TYPE: 'rest',
          PYICEBERG_CATALOG__TIDEWATER__URI: uri,
          PYICEBERG_CATALOG__TIDEWATER__WAREHOUSE: warehouse,
        },
      },
    )
    return report
  })
}

/** Both exit with an error when a test failed; the report tells which. */
async function run(
  program: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: 'ignore',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  await once(child, 'exit')
}

async function withReport(body: (folder: string) => Promise<string>): Promise<readonly Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewater-suite-'))
  try {
    return outcomesOf(readFileSync(await body(folder), 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function outcomesOf(xml: string): readonly Outcome[] {
  const cases = xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)
  return [...cases].map(([, attributes = '', inside = '']) => {
    const name = /\bname="([^"]*)"/.exec(attributes)?.[1]?.replace(/[([].*$/, '') ?? ''
    const kind = /<(failure|error)\b/.test(inside)
      ? 'failed'
      : /<skipped\b/.test(inside)
        ? 'skipped'
        : 'passed'
    return { name, kind, why: kind === 'passed' ? '' : unescaped(inside) }
  })
}

function unescaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }
  return text
    .replaceAll(/&(lt|gt|quot|apos|amp);/g, (_all, name: string) => entities[name] ?? '')
    .replaceAll(/&#(\d+);/g, (_all, code: string) => String.fromCodePoint(Number(code)))
}
