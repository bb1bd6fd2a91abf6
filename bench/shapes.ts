/**
 * Seeded records of two common shapes, with the schema that a user would declare for them: flat orders of about 360 bytes, and nested
 * events of about 1.4 KB of which a table keeps a part.
 */
import { assignFreshIds } from '../shared/iceberg/assign-ids.ts'
import type { IcebergType, NestedField, Schema } from '../shared/iceberg/schema.ts'

export interface Shape {
  readonly schema: Schema
  readonly values: Uint8Array[]
}

const field = (name: string, type: IcebergType): NestedField => ({ id: 0, name, required: false, type })
const primitive = (kind: 'boolean' | 'int' | 'long' | 'double' | 'date' | 'timestamptz' | 'string') =>
  ({ kind }) as const
const money: IcebergType = { kind: 'decimal', precision: 12, scale: 2 }
const struct = (...fields: NestedField[]): IcebergType => ({ kind: 'struct', fields })
const list = (element: IcebergType): IcebergType => ({
  kind: 'list',
  elementId: 0,
  elementRequired: false,
  element,
})

/** xorshift32: the same records on every machine. */
function seeded(seed: number) {
  let state = seed | 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4294967296
  }
  const int = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(next() * items.length)]
    if (item === undefined) throw new Error('pick needs items')
    return item
  }
  const words = (min: number, max: number) => {
    const length = int(min, max)
    let text = ''
    while (text.length < length) text += (text === '' ? '' : ' ') + pick(WORDS)
    return text.slice(0, length)
  }
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => '0123456789abcdef'[int(0, 15)]).join('')
  return { next, int, pick, words, hex }
}

type Random = ReturnType<typeof seeded>

const WORDS =
  'the quickly final furiously ironic accounts deposits packages special requests sleep carefully bold pending regular even express silent theodolites pinto beans foxes haggle above across blithely daringly instructions platelets asymptotes dependencies ideas courts'.split(
    ' ',
  )
const encoder = new TextEncoder()
const DAY_MS = 86_400_000

/** Order lines as TPC-H has them: 16 flat fields. */
export function flatOrders(count: number, seed: number): Shape {
  const random = seeded(seed)
  const { schema } = assignFreshIds([
    field('l_orderkey', primitive('long')),
    field('l_partkey', primitive('long')),
    field('l_suppkey', primitive('int')),
    field('l_linenumber', primitive('int')),
    field('l_quantity', money),
    field('l_extendedprice', money),
    field('l_discount', primitive('double')),
    field('l_tax', primitive('double')),
    field('l_returnflag', primitive('string')),
    field('l_linestatus', primitive('string')),
    field('l_shipdate', primitive('date')),
    field('l_commitdate', primitive('date')),
    field('l_receiptdate', primitive('date')),
    field('l_shipinstruct', primitive('string')),
    field('l_shipmode', primitive('string')),
    field('l_comment', primitive('string')),
  ])
  let orderKey = 1
  let line = 0
  const order = () => {
    if (++line > random.int(1, 7)) {
      line = 1
      orderKey += random.int(1, 30)
    }
    return flatOrder(random, orderKey * 4, line)
  }
  return { schema, values: Array.from({ length: count }, () => encoder.encode(JSON.stringify(order()))) }
}

function flatOrder(random: Random, orderKey: number, line: number) {
  const { int, pick, words } = random
  const quantity = int(1, 50)
  const date = (first: number, days: number) =>
    new Date(Date.UTC(1992, 0, 1) + DAY_MS * int(first, first + days)).toISOString().slice(0, 10)
  return {
    l_orderkey: orderKey,
    l_partkey: int(1, 2_000_000),
    l_suppkey: int(1, 100_000),
    l_linenumber: line,
    l_quantity: quantity,
    l_extendedprice: (quantity * int(90_000, 200_000)) / 100,
    l_discount: int(0, 10) / 100,
    l_tax: int(0, 8) / 100,
    l_returnflag: pick(['R', 'A', 'N']),
    l_linestatus: pick(['O', 'F']),
    l_shipdate: date(0, 2500),
    l_commitdate: date(30, 2500),
    l_receiptdate: date(10, 2530),
    l_shipinstruct: pick(['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN']),
    l_shipmode: pick(['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB']),
    l_comment: words(10, 43),
  }
}

/** Events as a code host publishes them: several kinds, lists of structs, absent parts, escapes and non-ASCII text. */
export function nestedEvents(count: number, seed: number): Shape {
  const random = seeded(seed)
  const who = (name: string) => struct(field('id', primitive('long')), field(name, primitive('string')))
  const commit = struct(
    field('sha', primitive('string')),
    field('message', primitive('string')),
    field('distinct', primitive('boolean')),
  )
  const { schema } = assignFreshIds([
    field('id', primitive('string')),
    field('type', primitive('string')),
    field('actor', who('login')),
    field('repo', who('name')),
    field(
      'payload',
      struct(
        field('push_id', primitive('long')),
        field('size', primitive('int')),
        field('ref', primitive('string')),
        field('action', primitive('string')),
        field('commits', list(commit)),
      ),
    ),
    field('public', primitive('boolean')),
    field('created_at', primitive('timestamptz')),
    field('org', who('login')),
  ])
  let id = 2_489_651_045
  let timeMs = Date.UTC(2025, 0, 1)
  const event = () => {
    id += random.int(1, 5)
    timeMs += random.int(0, 20)
    return nestedEvent(random, id, timeMs)
  }
  return { schema, values: Array.from({ length: count }, () => encoder.encode(JSON.stringify(event()))) }
}

function nestedEvent(random: Random, id: number, timeMs: number) {
  const { int, next } = random
  const login = userName(random)
  const actorId = int(1000, 90_000_000)
  const repo = `${userName(random)}/${userName(random)}`
  const [type, payload] = eventPayload(random, { login, actorId, repo })
  const event = {
    id: String(id),
    type,
    actor: user(actorId, login),
    repo: { id: int(1000, 900_000_000), name: repo, url: `https://api.example.com/repos/${repo}` },
    payload,
    public: true,
    created_at: `${new Date(timeMs).toISOString().slice(0, 19)}Z`,
  }
  return next() < 0.3 ? { ...event, org: user(int(1000, 90_000_000), userName(random)) } : event
}

const userName = ({ pick, int }: Random) =>
  `${pick(['dev', 'octo', 'ninja', 'data', 'kafka', 'arrow', 'flow', 'tiny', 'mega'])}-${pick(WORDS)}${int(1, 9999)}`

const user = (id: number, login: string) => ({
  id,
  login,
  display_login: login,
  gravatar_id: '',
  url: `https://api.example.com/users/${login}`,
  avatar_url: `https://avatars.example.com/u/${id}?`,
})

function message({ words, next }: Random): string {
  const text = words(20, 110)
  const kind = next()
  if (kind < 0.3) return `${text}\n\n${words(20, 120)}`
  if (kind < 0.36) return `Fix "${text}" path C:\\tmp`
  if (kind < 0.42) return `${text} — café déjà vu`
  return kind < 0.44 ? `${text} 🎉 ` : text
}

interface EventSubject {
  readonly login: string
  readonly actorId: number
  readonly repo: string
}

function eventPayload(random: Random, subject: EventSubject): [string, object] {
  const { next, int, pick } = random
  const kind = next()
  if (kind < 0.7) return ['PushEvent', pushPayload(random, subject)]
  if (kind < 0.85) return ['PullRequestEvent', pullRequestPayload(random, subject)]
  if (kind < 0.93) return ['WatchEvent', { action: 'started' }]
  const ref = next() < 0.3 ? null : `v${int(1, 9)}.${int(0, 20)}`
  const description = next() < 0.5 ? null : message(random)
  const rest = { ref_type: 'tag', master_branch: 'main', description, pusher_type: pick(['user']) }
  return ['CreateEvent', { ref, ...rest }]
}

function pushPayload(random: Random, { login, repo }: EventSubject) {
  const { next, int, pick, hex } = random
  const size = Math.min(8, 1 + Math.floor(-Math.log(1 - next()) * 1.6))
  const commits = Array.from({ length: size }, () => {
    const sha = hex(40)
    return {
      sha,
      author: { email: `${login}@users.example.com`, name: login },
      message: message(random),
      distinct: next() < 0.9,
      url: `https://api.example.com/repos/${repo}/commits/${sha}`,
    }
  })
  const ref = `refs/heads/${pick(['main', 'master', 'dev', 'feature/x'])}`
  const ids = { repository_id: int(1000, 900_000_000), push_id: int(1_000_000_000, 9_000_000_000) }
  return { ...ids, size, distinct_size: size, ref, head: hex(40), before: hex(40), commits }
}

function pullRequestPayload(random: Random, { login, actorId, repo }: EventSubject) {
  const { int, pick, hex } = random
  const number = int(1, 9000)
  const pullRequest = {
    url: `https://api.example.com/repos/${repo}/pulls/${number}`,
    id: int(100_000_000, 2_000_000_000),
    node_id: hex(20),
    html_url: `https://example.com/${repo}/pull/${number}`,
    state: 'open',
    locked: false,
    title: message(random),
    user: user(actorId, login),
    body: message(random) + message(random),
    created_at: '2025-01-01T00:00:00Z',
    merged_at: null,
    merge_commit_sha: null,
    assignees: [],
    labels: [{ id: int(1, 1_000_000), name: 'bug', color: 'ff0000', default: true }],
    draft: false,
    head: { label: `${login}:x`, ref: 'x', sha: hex(40) },
    base: { label: 'y', ref: 'main', sha: hex(40) },
    additions: int(0, 999),
    deletions: int(0, 999),
    changed_files: int(1, 30),
  }
  return { action: pick(['opened', 'closed', 'reopened']), number, pull_request: pullRequest }
}

/** `width` columns of the common types, in turn; for how speed depends on the number of columns. */
export function wideRecords(count: number, width: number, seed: number): Shape {
  const random = seeded(seed)
  const kinds = ['long', 'string', 'double', 'int', 'boolean', 'timestamptz'] as const
  const kindOf = (column: number) => kinds[column % kinds.length] ?? 'long'
  const { schema } = assignFreshIds(
    Array.from({ length: width }, (_, column) => field(`column_${column}`, primitive(kindOf(column)))),
  )
  const makers = {
    long: () => random.int(1, 1_000_000_000),
    string: () => random.words(5, 25),
    double: () => random.int(0, 10_000) / 100,
    int: () => random.int(0, 1000),
    boolean: () => random.next() < 0.5,
    timestamptz: () => new Date(Date.UTC(2025, 0, 1) + random.int(0, DAY_MS)).toISOString(),
  }
  const record = () =>
    Object.fromEntries(
      Array.from({ length: width }, (_, column) => [`column_${column}`, makers[kindOf(column)]()]),
    )
  return { schema, values: Array.from({ length: count }, () => encoder.encode(JSON.stringify(record()))) }
}
