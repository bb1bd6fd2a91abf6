import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireLease } from '../../../../shared/metadata/queries/leases.ts'
import { openConnection } from '../../../../shared/metadata/sqlite/connection.ts'
import { migrate } from '../../../../shared/metadata/sqlite/migrate.ts'
import { openSqliteMetadataStore } from '../../../../shared/metadata/sqlite/store.ts'
import { now } from '../../../../shared/metadata/steps.ts'
import { systemRuntime } from '../../../../shared/runtime/system-runtime.ts'

describe('openConnection', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidewater-connection-'))
  })
  afterEach(() => rm(folder, { recursive: true }))
  const path = () => join(folder, 't.db')

  it('waits for another process’s write lock without blocking, then writes', async () => {
    const store = openSqliteMetadataStore({ path: path() })
    await store.migrate()
    const other = new DatabaseSync(path())
    other.exec('BEGIN IMMEDIATE')
    let waits = 0
    const waiting = openSqliteMetadataStore({
      path: path(),
      runtime: {
        random: () => 0.5,
        sleep: async () => {
          // The loop is free while it waits: what holds the lock may end in this very process.
          if (++waits === 3) other.exec('COMMIT')
        },
      },
    })
    expect(await waiting.acquireLease('plan', 'a', 10)).toEqual({ fencingToken: 1n })
    expect(waits).toBe(3)
    await Promise.all([store.close(), waiting.close()])
    other.close()
  })

  it('reads while another process writes, and sees nothing of what is not committed', async () => {
    const store = openSqliteMetadataStore({ path: path() })
    await store.migrate()
    const other = new DatabaseSync(path())
    other.exec(
      "BEGIN IMMEDIATE; insert into event (at_ms, type, message, details) values (1, 'x', 'm', '{}')",
    )
    expect(await store.listEvents({ limit: 9 })).toEqual([])
    other.exec('COMMIT')
    expect(await store.listEvents({ limit: 9 })).toHaveLength(1)
    other.close()
    await store.close()
  })

  it('gives up after a bounded number of tries, saying who to look for', async () => {
    const store = openSqliteMetadataStore({ path: path() })
    await store.migrate()
    const other = new DatabaseSync(path())
    other.exec('BEGIN IMMEDIATE')
    let waits = 0
    const connection = openConnection({
      path: path(),
      runtime: { random: () => 0, sleep: async () => void waits++ },
    })
    connection.db.exec('PRAGMA busy_timeout = 0')
    await expect(connection.transact('write', () => acquireLease('plan', 'a', 10))).rejects.toMatchObject({
      code: 'metadata-busy',
      next: 'retry',
    })
    expect(waits).toBe(999)
    connection.close()
    other.close()
    await store.close()
  })

  it('undoes everything when the steps fail, and goes on', async () => {
    const connection = openConnection({ path: ':memory:', runtime: systemRuntime })
    await migrate(connection)
    await expect(
      connection.transact('write', function* () {
        yield* acquireLease('plan', 'a', 10_000)
        throw new Error('halfway')
      }),
    ).rejects.toThrow('halfway')
    expect(await connection.transact('write', () => acquireLease('plan', 'b', 10))).toEqual({
      fencingToken: 1n,
    })
    connection.close()
  })

  it('reads the database’s own clock in milliseconds, or the one it is given', async () => {
    const own = openConnection({ path: ':memory:', runtime: systemRuntime })
    const before = Date.now()
    const at = Number(await own.transact('read', now))
    expect(at).toBeGreaterThanOrEqual(before - 1)
    expect(at).toBeLessThanOrEqual(Date.now() + 1)
    own.close()
    const given = openConnection({ path: ':memory:', runtime: systemRuntime, clock: () => 12.7 })
    expect(await given.transact('read', now)).toBe(12n)
    given.close()
  })

  it('says which path it could not open', () => {
    expect(() => openSqliteMetadataStore({ path: '/dev/null/t.db' })).toThrow(
      expect.objectContaining({
        code: 'metadata-unavailable',
        message: expect.stringContaining('/dev/null/t.db'),
      }),
    )
  })
})
