/**
 * Installs the real servers that tests run against; every installer may be called again at no cost and returns the program's path.
 * `node test/servers/install.ts [minio] [etcd] [postgres] [broker] [trino] [promtool] [redis] [moto] [iceberg-rest] [nessie]` installs the named ones (all by default) and prints where they are.
 * Run it before the tests: a first build takes minutes, longer than a test's hook may.
 *
 * MinIO and the KafScale broker are built by Go (1.25 or later) from the module proxy, etcd, PostgreSQL, promtool and Redis are Debian's packages, unpacked
 * rather than installed, so that no root is needed and no service is started. Trino and the REST
 * catalogs come from Maven Central, moto from PyPI.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cached, runStep } from './cache.ts'
import { findJava } from './java.ts'

/** A commit of the community edition, which has no tagged module versions. Conditional writes were checked with it. */
export const MINIO_VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c'
export const KAFSCALE_VERSION = 'v1.5.0'
const ETCD_PACKAGE = 'etcd-server'
/** The last version whose server Maven Central has as a tarball of its core alone; the connector is a plugin of its own. */
export const TRINO_VERSION = '476'
export const TRINO_MIN_JAVA = 24
/** The last version whose whole server Maven Central has as one jar. */
const NESSIE_VERSION = '0.99.0'
export const NESSIE_MIN_JAVA = 21
const MAVEN_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const PROMETHEUS_PACKAGE = 'prometheus'
/** Debian 12's. */
const POSTGRES_VERSION = 15
/** The program, and those libraries of its that few other programs need. */
const REDIS_PACKAGES = ['redis-tools', 'redis-server', 'liblzf1', 'libjemalloc2']

export async function installMinio(): Promise<string> {
  const folder = await cached(`minio-${MINIO_VERSION}`, target => {
    requireGo('MinIO')
    const module = `github.com/minio/minio@${MINIO_VERSION}`
    runStep('Building MinIO', ['go', 'install', '-ldflags=-s -w', module], { env: { GOBIN: target } })
  })
  return join(folder, 'minio')
}

/** The module beside this file pins the broker and its dependencies by checksum. */
export async function installKafscaleBroker(): Promise<string> {
  const folder = await cached(`kafscale-broker-${KAFSCALE_VERSION}`, target => {
    requireGo('the KafScale broker')
    runStep(
      'Building the KafScale broker',
      [
        'go',
        'build',
        '-mod=readonly',
        '-o',
        join(target, 'broker'),
        'github.com/KafScale/platform/cmd/broker',
      ],
      { cwd: join(import.meta.dirname, 'kafscale-broker') },
    )
  })
  return join(folder, 'broker')
}

export function installEtcd(): Promise<string> {
  return debianProgram({ program: 'etcd', fromPackage: ETCD_PACKAGE })
}

/** Judges metrics, alert rules and their tests as Prometheus does. */
export function installPromtool(): Promise<string> {
  return debianProgram({ program: 'promtool', fromPackage: PROMETHEUS_PACKAGE })
}

/** It needs the libraries beside it, in `libraries`: `LD_LIBRARY_PATH` must name that folder. */
export async function installRedis(): Promise<string> {
  if (isOnPath('redis-server')) return 'redis-server'
  const folder = await cached('redis', target => {
    unpackPackages('redis-server', REDIS_PACKAGES, target)
    const [libraries] = readdirSync(join(target, 'usr/lib')).filter(name => name.includes('-linux-'))
    renameSync(join(target, 'usr/lib', libraries ?? ''), join(target, 'libraries'))
    renameSync(join(target, 'usr/bin'), join(target, 'bin'))
    for (const rest of readdirSync(target))
      if (rest !== 'libraries' && rest !== 'bin') rmSync(join(target, rest), { recursive: true, force: true })
  })
  return join(folder, 'bin/redis-server')
}

/** A program on PATH is used as it is. */
async function debianProgram(of: {
  readonly program: string
  readonly fromPackage: string
}): Promise<string> {
  const { program, fromPackage } = of
  if (isOnPath(program)) return program
  const folder = await cached(program, target => {
    unpackPackages(program, [fromPackage], target)
    renameSync(join(target, 'usr/bin', program), join(target, program))
    for (const rest of readdirSync(target))
      if (rest !== program) rmSync(join(target, rest), { recursive: true, force: true })
  })
  return join(folder, program)
}

/** The folder of its core's jars and of the Iceberg plugin. */
export async function installTrino(): Promise<string> {
  return cached(`trino-${TRINO_VERSION}`, target => {
    findJava(TRINO_MIN_JAVA, 'Trino')
    const unpack = (artifact: string, folder: string, filter: string) =>
      runStep(
        `Fetching ${artifact}`,
        [
          'mvn',
          ...['--batch-mode', '--quiet', `${MAVEN_PLUGIN}:unpack`],
          ...[`-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`, filter],
        ],
        // Maven leaves its marks in the folder that it runs in.
        { cwd: target },
      )
    unpack(`io.trino:trino-server-core:${TRINO_VERSION}:tar.gz`, target, '-Dmdep.unpack.includes=**/lib/**')
    // The drivers of the Snowflake catalog and of a cache, a third of the plugin.
    const unused = '-Dmdep.unpack.excludes=**/net.snowflake*,**/org.rocksdb*'
    unpack(`io.trino:trino-iceberg:${TRINO_VERSION}:zip`, join(target, 'plugin'), unused)
  })
}

/** The folder of the jars of the Iceberg project's reference server of its REST protocol, and of its compatibility kit. */
export async function installIcebergRest(): Promise<string> {
  const pom = join(import.meta.dirname, 'iceberg-rest', 'pom.xml')
  const digest = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12)
  const folder = await cached(`iceberg-rest-${digest}`, target => {
    copyFileSync(pom, join(target, 'pom.xml'))
    const goal = [`${MAVEN_PLUGIN}:copy-dependencies`, `-DoutputDirectory=${join(target, 'jars')}`]
    runStep("Fetching Iceberg's REST server", ['mvn', '--batch-mode', '--quiet', ...goal], { cwd: target })
  })
  return join(folder, 'jars')
}

/** One jar that holds everything. */
export async function installNessie(): Promise<string> {
  const folder = await cached(`nessie-${NESSIE_VERSION}`, target => {
    findJava(NESSIE_MIN_JAVA, 'Nessie')
    const artifact = `org.projectnessie.nessie:nessie-quarkus:${NESSIE_VERSION}:jar:runner`
    const goal = [`${MAVEN_PLUGIN}:copy`, `-Dartifact=${artifact}`, `-DoutputDirectory=${target}`]
    runStep('Fetching Nessie', ['mvn', '--batch-mode', '--quiet', ...goal], { cwd: target })
  })
  return join(folder, `nessie-quarkus-${NESSIE_VERSION}-runner.jar`)
}

/** The folder of PostgreSQL's programs, which find their libraries and data beside it. Debian's own is used where it is installed. */
export async function installPostgres(): Promise<string> {
  const programs = `usr/lib/postgresql/${POSTGRES_VERSION}/bin`
  if (existsSync(join('/', programs, 'initdb'))) return join('/', programs)
  const packages = [`postgresql-${POSTGRES_VERSION}`, `postgresql-client-${POSTGRES_VERSION}`, 'libpq5']
  const folder = await cached(`postgresql-${POSTGRES_VERSION}`, target => {
    unpackPackages('PostgreSQL', packages, target)
  })
  return join(folder, programs)
}

/** The Python that has moto, which stands in for AWS. moto-requirements.txt pins all that it needs. */
export async function installMoto(): Promise<string> {
  const requirements = join(import.meta.dirname, 'moto-requirements.txt')
  const pins = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)
  const folder = await cached(`moto-${pins}`, target => {
    runStep('Making a Python venv (Debian: python3-venv)', ['python3', '-m', 'venv', target])
    const install = ['install', '--quiet', '--disable-pip-version-check', '--requirement', requirements]
    runStep('Installing moto', [join(target, 'bin', 'python'), '-m', 'pip', ...install])
  })
  return join(folder, 'bin', 'python')
}

export function unpackPackages(what: string, packages: readonly string[], target: string): void {
  const download = () => runStep(`Downloading ${what}`, ['apt-get', 'download', ...packages], { cwd: target })
  if (!isOnPath('apt-get'))
    throw new Error(`${what} is needed and not there; install it (here only Debian packages are known).`)
  try {
    download()
  } catch {
    // A new machine has no package lists yet.
    runStep('Fetching the package lists', ['apt-get', 'update'])
    download()
  }
  const archives = readdirSync(target).filter(name => name.endsWith('.deb'))
  if (archives.length !== packages.length)
    throw new Error(`apt-get download ${packages.join(' ')} left ${archives.length} packages in ${target}.`)
  for (const archive of archives) {
    runStep(`Unpacking ${what}`, ['dpkg', '-x', archive, '.'], { cwd: target })
    rmSync(join(target, archive))
  }
}

export function isOnPath(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0
}

export function requireGo(what: string): void {
  if (!isOnPath('go'))
    throw new Error(`Go 1.25 or later is needed to build ${what}, and there is no \`go\` on PATH.`)
}

const INSTALLERS: Readonly<Record<string, () => Promise<string>>> = {
  minio: installMinio,
  etcd: installEtcd,
  postgres: installPostgres,
  broker: installKafscaleBroker,
  trino: installTrino,
  promtool: installPromtool,
  redis: installRedis,
  moto: installMoto,
  'iceberg-rest': installIcebergRest,
  nessie: installNessie,
}

if (import.meta.main) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(INSTALLERS)
  for (const name of names) {
    const install = INSTALLERS[name]
    if (install === undefined) {
      console.error(`install.ts: unknown server ${name}; known: ${Object.keys(INSTALLERS).join(', ')}`)
      process.exit(2)
    }
    const started = performance.now()
    console.log(`${name}: ${await install()} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  }
}
