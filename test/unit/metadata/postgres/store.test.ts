/** What needs no server: the rest is in test/e2e/postgres. */
import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { parsePostgresUrl } from '../../../../shared/metadata/postgres/address.ts'
import { explain, kindOf } from '../../../../shared/metadata/postgres/errors.ts'
import { openPostgresMetadataStore } from '../../../../shared/metadata/postgres/store.ts'

const PASSWORD = 'hunter2'

function addressAt(port: number) {
  const address = parsePostgresUrl(`postgres://ada:${PASSWORD}@127.0.0.1:${port}/lake`)
  if (typeof address === 'string') throw new Error(address)
  return address
}

describe('openPostgresMetadataStore', () => {
  it('tries an unreachable server a bounded number of times, then says what it could not reach', async () => {
    const connections: Socket[] = []
    const server = createServer(socket => {
      connections.push(socket)
      socket.destroy()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const bound = server.address()
    const port = typeof bound === 'object' ? (bound?.port ?? 0) : 0
    let pauses = 0
    const store = openPostgresMetadataStore({
      address: addressAt(port),
      runtime: { random: () => 0, sleep: async () => void pauses++ },
    })
    const failure = await store.loadTable('a').catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'metadata-unavailable', next: 'retry' })
    expect(String(failure)).toContain(`postgres://ada@127.0.0.1:${port}/lake`)
    expect(String(failure)).not.toContain(PASSWORD)
    expect([pauses, connections.length]).toEqual([11, 12])
    await store.close()
    await store.close()
    server.close()
  })
})

function databaseError(code: string, message = 'm') {
  return Object.assign(new Error(message), { code })
}

describe('errors of PostgreSQL', () => {
  it.each([
    ['28P01', 'metadata-login', 'fatal'],
    ['28000', 'metadata-login', 'fatal'],
    ['3D000', 'metadata-database-missing', 'fatal'],
    ['42501', 'metadata-rights', 'fatal'],
    ['53300', 'metadata-unavailable', 'retry'],
    ['25006', 'metadata-unavailable', 'retry'],
    ['42P05', 'metadata-pooler', 'fatal'],
    ['26000', 'metadata-pooler', 'fatal'],
    ['53100', 'metadata-disk', 'retry'],
    ['55P03', 'metadata-busy', 'retry'],
    ['57014', 'metadata-busy', 'retry'],
    ['40P01', 'metadata-busy', 'retry'],
    ['57P01', 'metadata-unavailable', 'retry'],
    ['ECONNREFUSED', 'metadata-unavailable', 'retry'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'metadata-tls', 'fatal'],
    ['ERR_SSL_CIPHER_OPERATION_FAILED', 'metadata-unavailable', 'retry'],
    ['23505', 'metadata-statement-failed', 'fatal'],
  ])('%s is %s, %s', (code, expected, next) => {
    expect(explain(databaseError(code), 'postgres://a@h/d')).toMatchObject({ code: expected, next })
  })

  it('a connection to a standby is given up for another', () => {
    expect(kindOf(databaseError('25006'))).toBe('lost')
  })

  it('a pooler that takes no settings of a session is not taken for a server that is gone', () => {
    const refused = databaseError('08P01', 'unsupported startup parameter: statement_timeout')
    expect(kindOf(refused)).toBe('other')
    expect(explain(refused, 'postgres://a@h/d')).toMatchObject({ code: 'metadata-pooler', next: 'fatal' })
  })

  it('a connection that is cut is lost, a deadlock a conflict, and what the steps threw stays as it is', () => {
    expect(
      ['57P01', '08006', 'ECONNRESET', '40P01', '40001', '23505'].map(code => kindOf(databaseError(code))),
    ).toEqual(['lost', 'lost', 'lost', 'conflict', 'conflict', 'other'])
    expect(kindOf(new Error('Connection terminated unexpectedly'))).toBe('lost')
    // What was sent over it may have been a COMMIT that was carried out.
    expect(kindOf(databaseError('ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC'))).toBe('lost')
    const ours = new Error('halfway')
    expect([explain(ours, 'p'), explain('text', 'p')]).toEqual([ours, 'text'])
  })

  it('a server without TLS that is asked for it is no defect', () => {
    expect(explain(new Error('The server does not support SSL connections'), 'p')).toMatchObject({
      code: 'metadata-tls',
    })
  })
})
