/**
 * A PostgreSQL server for the length of a test file, on a free loopback port, with its data in a temporary folder. It may be stopped,
 * also as a crash would, and started again on the same data. PostgreSQL refuses to run as root, so under root it runs as `nobody`.
 */
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { type PostgresAddress, parsePostgresUrl } from '../../shared/metadata/postgres/address.ts'
import { runStep } from './cache.ts'
import type { CertificateAuthority } from './certificates.ts'
import { installPostgres } from './install.ts'
import { dataFolder, freePort, removeFolder, type ServerProcess, startProcess } from './server-process.ts'

const USER = 'tidewater'
const PASSWORD = 'a/secret@word'
const UNPRIVILEGED = 'nobody'
const RECOVERY_MS = 30_000

const STOP_SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const
/** Of a killed postmaster's children, which hold its shared memory until they notice. */
const MAX_ORPHANED_MS = 15_000
const ORPHANED_POLL_MS = 200

export interface PostgresServer {
  readonly port: number
  /** Of the database `tidewater`, as its owner, who is a superuser. */
  readonly url: string
  /** In a schema of its own, which `migrate` makes. */
  address(schema: string): PostgresAddress
  /** Answers rows, from a connection of its own. */
  query(text: string, database?: string): Promise<readonly Record<string, unknown>[]>
  /** `immediate` is what a crash leaves: no checkpoint, connections cut, recovery at the next start. `kill` is SIGKILL of the postmaster. */
  stop(mode: keyof typeof STOP_SIGNALS): Promise<void>
  start(): Promise<void>
  /** Kills one server process as the kernel would for want of memory: the server ends all others, recovers, and takes connections again. */
  crashBackend(): Promise<void>
  /** Of a standby: it ends recovery and takes writes. */
  promote(): void
  /** Runs one of PostgreSQL's client programs against this server. */
  run(program: string, args: readonly string[]): string
  remove(): Promise<void>
}

export interface PostgresOptions {
  /** Wait for the disk at each commit; tests that crash only processes need not. */
  readonly fsync?: boolean
  /** A free one unless given. */
  readonly port?: number
  readonly password?: string
  readonly settings?: Readonly<Record<string, string>>
  /** Speaks TLS, too, with a certificate of this authority for these names; those of this machine unless told. */
  readonly tls?: { readonly authority: CertificateAuthority; readonly names?: readonly string[] }
  /** Lines of pg_hba.conf that go before those of all users. */
  readonly rules?: readonly string[]
  /** Makes a standby that begins with a copy of this server, and follows it by streaming. */
  readonly standbyOf?: PostgresServer
}

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const folder = dataFolder('postgres')
  const isRoot = process.getuid?.() === 0
  const bin = reachable(await installPostgres(), folder, isRoot)
  const data = join(folder, 'data')
  const passwordFile = join(folder, 'password')
  const password = options.password ?? PASSWORD
  writeFileSync(passwordFile, password)
  mkdirSync(data, { mode: 0o700 })
  if (isRoot) {
    const { uid, gid } = idsOf(UNPRIVILEGED)
    for (const path of [folder, data, passwordFile]) chownSync(path, uid, gid)
  }
  const asUser = (program: string, ...args: readonly string[]): [string, ...string[]] =>
    isRoot
      ? [
          'setpriv',
          // Whoever changes who he is would outlive this process.
          '--pdeathsig=keep',
          `--reuid=${UNPRIVILEGED}`,
          '--regid=nogroup',
          '--clear-groups',
          join(bin, program),
          ...args,
        ]
      : [join(bin, program), ...args]
  if (options.standbyOf === undefined) {
    const auth = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`]
    runStep(
      'Making a PostgreSQL data folder',
      asUser('initdb', '-D', data, '-U', USER, ...auth, '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'),
      { cwd: folder },
    )
  } else {
    const from = `--dbname=${options.standbyOf.url}`
    const how = ['--write-recovery-conf', '--wal-method=stream', '--checkpoint=fast', '--no-sync']
    runStep('Copying a PostgreSQL server', asUser('pg_basebackup', from, '-D', data, ...how), { cwd: folder })
  }
  if (options.rules !== undefined) {
    const path = join(data, 'pg_hba.conf')
    writeFileSync(path, [...options.rules, readFileSync(path, 'utf8')].join('\n'))
  }
  const port = options.port ?? (await freePort())
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    max_connections: '200',
    fsync: options.fsync === true ? 'on' : 'off',
    ...(options.tls !== undefined && tlsSettings(options.tls, folder, isRoot)),
    ...options.settings,
  }
  const url = (database: string) =>
    `postgres://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`
  const query = async (text: string, database = USER) => {
    const client = new Client({ connectionString: url(database) })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }
  let running: ServerProcess | undefined
  async function start(): Promise<void> {
    const until = Date.now() + MAX_ORPHANED_MS
    for (;;) {
      try {
        return await startOnce()
      } catch (error) {
        if (!/shared memory block/.test(String(error)) || Date.now() > until) throw error
        await sleep(ORPHANED_POLL_MS)
      }
    }
  }
  async function startOnce(): Promise<void> {
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const [program, ...rest] = asUser('postgres', '-D', data, ...args)
    running = await startProcess({
      name: 'PostgreSQL',
      program,
      args: rest,
      cwd: folder,
      isReady: async () => (await query('select 1', 'postgres')).length === 1,
    })
  }
  await start()
  if (options.standbyOf === undefined) await query(`create database ${USER}`, 'postgres')
  return {
    port,
    url: url(USER),
    address(schema) {
      const address = parsePostgresUrl(`${url(USER)}?schema=${schema}`)
      if (typeof address === 'string') throw new Error(address)
      return address
    },
    query,
    async stop(mode) {
      running?.signal(STOP_SIGNALS[mode])
      await running?.exited
    },
    start,
    promote() {
      runStep('Promoting PostgreSQL', asUser('pg_ctl', 'promote', '-D', data, '-w'), { cwd: folder })
    },
    async crashBackend() {
      const victim = new Client({ connectionString: url(USER) })
      victim.on('error', () => undefined)
      await victim.connect()
      const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid')
      const [{ pid } = { pid: 0 }] = rows
      if (pid === 0) throw new Error('the connection has no process')
      // `once` would fail by the error that comes before the end.
      const ended = new Promise<void>(resolve => victim.on('end', resolve))
      process.kill(pid, 'SIGKILL')
      await ended
      const until = Date.now() + RECOVERY_MS
      for (;;) {
        try {
          await query('select 1')
          return
        } catch (error) {
          if (Date.now() > until) throw error
          await sleep(20)
        }
      }
    },
    run: (program, args) =>
      runStep(`Running ${program}`, [join(bin, program), ...args], { env: { PGPASSWORD: password } }),
    async remove() {
      // It would wait for its clients to leave when asked by SIGTERM; what they leave behind here is of no interest.
      await running?.stop({ kill: true })
      removeFolder(folder)
    },
  }
}

/** The server refuses a key that others may read, so it has one of its own. */
function tlsSettings(
  { authority, names }: NonNullable<PostgresOptions['tls']>,
  folder: string,
  isRoot: boolean,
): Record<string, string> {
  const { certFile, keyFile } = authority.server(names)
  const [cert, key, ca] = [join(folder, 'server.pem'), join(folder, 'server.key'), join(folder, 'ca.pem')]
  for (const [from, to] of [
    [certFile, cert],
    [keyFile, key],
    [authority.caFile, ca],
  ] as const) {
    copyFileSync(from, to)
    chmodSync(to, 0o600)
    if (!isRoot) continue
    const { uid, gid } = idsOf(UNPRIVILEGED)
    chownSync(to, uid, gid)
  }
  return { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key, ssl_ca_file: ca }
}

/** The programs where the unprivileged user reaches them: an unpacked package may lie in a home that only root enters. */
function reachable(bin: string, folder: string, isRoot: boolean): string {
  if (!isRoot || bin.startsWith('/usr/')) return bin
  chmodSync(folder, 0o755)
  const copy = join(folder, 'programs')
  cpSync(join(bin, '../../../../..'), copy, { recursive: true })
  return join(copy, 'usr/lib/postgresql/15/bin')
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(runStep('Looking up a user', ['id', flag, user]).trim())
  return { uid: id('-u'), gid: id('-g') }
}
