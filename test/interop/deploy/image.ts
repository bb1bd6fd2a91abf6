/**
 * Builds images from the Dockerfile with buildah, and runs them as a container engine would: the image's root file system, read only, as
 * process 1 of its own process namespace, by the image's user without capabilities. Needs Linux and root.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { runStep } from '../../servers/cache.ts'
import { dataFolder, removeFolder } from '../../servers/server-process.ts'
import { ROOT } from './composition.ts'
import { installBaseImage, installBuildah } from './install.ts'

const AUTHORITY = '/usr/local/etc/authority.pem'
const seconds = 1e9
const configSchema = z.object({
  User: z.string(),
  Env: z.array(z.string()),
  Entrypoint: z.array(z.string()),
  Cmd: z.array(z.string()),
  WorkingDir: z.string(),
  Labels: z.record(z.string(), z.string()),
  StopSignal: z.string(),
  ExposedPorts: z.record(z.string(), z.unknown()),
  Healthcheck: z.object({
    Test: z.tuple([z.literal('CMD')], z.string()),
    Interval: z.int().max(60 * seconds),
  }),
})
export type ImageConfig = z.infer<typeof configSchema>

export interface Mount {
  readonly source: string
  readonly target: string
  readonly readOnly?: boolean
}

export interface Image {
  readonly config: ImageConfig
  /** Its root file system. */
  readonly root: string
  /** Runs the image with these arguments to its end, `entrypoint` in place of its own. */
  run(
    args: readonly string[],
    options?: {
      readonly mounts?: readonly Mount[]
      readonly entrypoint?: readonly string[]
      readonly input?: string
    },
  ): { readonly exitCode: number | null; readonly output: string }
  start(args: readonly string[], options?: { readonly mounts?: readonly Mount[] }): ChildProcess
  remove(): void
}

export async function buildImage(): Promise<Image> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Error(
      'Building and running the image needs Linux and root: it mounts file systems, in a namespace of its own.',
    )
  const [packages, base] = [await installBuildah(), await installBaseImage()]
  const folder = dataFolder('image')
  const storage = join(folder, 'storage.conf')
  const places = `runroot = "${join(folder, 'run')}"\ngraphroot = "${join(folder, 'graph')}"`
  writeFileSync(storage, `[storage]\ndriver = "overlay"\n${places}\n`)
  const env = {
    CONTAINERS_STORAGE_CONF: storage,
    CONTAINERS_CONF: join(packages, 'usr/share/containers/containers.conf'),
    BUILDAH_ISOLATION: 'chroot',
  }
  const policy = ['--signature-policy', join(packages, 'etc/containers/policy.json')]
  const registries = ['--registries-conf', join(packages, 'etc/containers/registries.conf')]
  const buildah = (what: string, ...args: readonly string[]) =>
    runStep(what, inBuildah(packages, [join(packages, 'usr/bin/buildah'), ...registries, ...args]), {
      env,
    }).trim()

  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const from = /^ARG NODE=(\S+)$/m.exec(dockerfile)?.[1] ?? ''
  const scratch = buildah('Beginning the base image', 'from', 'scratch')
  buildah('Filling the base image', 'add', '--quiet', scratch, base, '/')
  const variables = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']
  const authority = ownAuthority()
  if (authority !== undefined) {
    buildah('Adding an authority', 'add', '--quiet', scratch, authority, AUTHORITY)
    variables.push(`NODE_EXTRA_CA_CERTS=${AUTHORITY}`)
  }
  buildah('Setting variables', 'config', ...variables.flatMap(of => ['--env', of]), scratch)
  buildah(
    'Naming the base image',
    'commit',
    '--quiet',
    '--rm',
    ...policy,
    scratch,
    `docker.io/library/${from}`,
  )
  const build = ['build', '--pull-never', '--layers=false', '--format', 'docker', ...policy]
  buildah('Building the image', ...build, '--build-arg', 'REVISION=abcdef', '--tag', 'tidewater:test', ROOT)
  const inspected: unknown = JSON.parse(buildah('Inspecting', 'inspect', '--type', 'image', 'tidewater:test'))
  const config = z.object({ Docker: z.object({ config: configSchema }) }).parse(inspected).Docker.config
  const container = buildah('Making a container', 'from', '--pull-never', 'tidewater:test')
  const root = join(folder, 'root')
  mkdirSync(root)
  // Out of buildah's storage, whose mounts end with the namespace that it runs in.
  runStep(
    'Taking the root file system out',
    inBuildah(packages, [
      'sh',
      '-c',
      'cp -a "$("$1" mount "$2")/." "$3"',
      'sh',
      join(packages, 'usr/bin/buildah'),
      container,
      root,
    ]),
    { env },
  )
  const command = (
    args: readonly string[],
    mounts: readonly Mount[],
    entrypoint: readonly string[] = config.Entrypoint,
  ) => containerCommand(root, config, { mounts, command: [...entrypoint, ...args] })
  return {
    config,
    root,
    run(args, { mounts = [], entrypoint, input = '' } = {}) {
      const [program, ...rest] = command(args, mounts, entrypoint)
      const run = spawnSync(program, rest, { input, encoding: 'utf8', env: {}, timeout: 120_000 })
      return { exitCode: run.status, output: run.stdout + run.stderr }
    },
    start(args, { mounts = [] } = {}) {
      const [program, ...rest] = command(args, mounts)
      return spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: {} })
    },
    remove: () => removeFolder(folder),
  }
}

/** Where packages come through something that an authority of its own signs for, npm inside must trust it as npm outside does. */
function ownAuthority(): string | undefined {
  if (process.env.NODE_EXTRA_CA_CERTS !== undefined) return process.env.NODE_EXTRA_CA_CERTS
  const told = runStep('Asking npm for its authority', ['npm', 'config', 'get', 'cafile']).trim()
  return told === 'null' || told === '' ? undefined : told
}

/** buildah starts itself anew without its environment, so its libraries must be where the system's are: laid over them, for it alone. */
function inBuildah(packages: string, command: readonly string[]): [string, ...string[]] {
  const lib = join(packages, 'usr/lib')
  const [platform = ''] = existsSync(lib) ? readdirSync(lib).filter(name => name.includes('-linux-')) : []
  const system = join('/usr/lib', platform)
  const mount = `mount -t overlay overlay -o "lowerdir=${join(lib, platform)}:${system}" "${system}"`
  return ['unshare', '--mount', 'sh', '-c', `${mount} && exec "$@"`, 'sh', ...command]
}

/** Process 1 of a namespace, below a root that is mounted read only, with the mounts that are asked for and an empty /tmp. */
function containerCommand(
  root: string,
  config: ImageConfig,
  { mounts, command }: { readonly mounts: readonly Mount[]; readonly command: readonly string[] },
): [string, ...string[]] {
  const [uid, gid] = config.User.split(':')
  const bind = mounts.flatMap(({ source, target, readOnly = false }) => [
    `[ -d '${source}' ] && mkdir -p '${root}${target}' || touch '${root}${target}'`,
    `mount --bind '${source}' '${root}${target}'`,
    ...(readOnly ? [`mount -o remount,bind,ro '${root}${target}'`] : []),
  ])
  const script = [
    'set -e',
    `mount --bind '${root}' '${root}'`,
    ...bind,
    `mount -t tmpfs tmpfs '${root}/tmp'`,
    `mount -t proc proc '${root}/proc'`,
    `mkdir -p '${root}/dev'; mount -t tmpfs tmpfs '${root}/dev'`,
    `for d in null zero urandom random; do touch '${root}'/dev/$d; mount --bind /dev/$d '${root}'/dev/$d; done`,
    `mount -o remount,bind,ro '${root}'`,
    `exec chroot '${root}' "$@"`,
  ].join('\n')
  const privileges = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--bounding-set=-all',
    '--no-new-privs',
  ]
  return [
    ...(['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, 'sh'] as const),
    // Both of Debian, in the image.
    ...['setpriv', ...privileges, 'env', '-i', `--chdir=${config.WorkingDir}`, ...config.Env],
    ...command,
  ]
}

/** The process that is 1 in the namespace that `unshare` made. */
export function firstProcess(container: ChildProcess): number {
  const { pid } = container
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return Number(children.trim().split(' ')[0])
}
