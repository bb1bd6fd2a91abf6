import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  parsePostgresUrl,
  placeOf,
  placePostgresFiles,
} from '../../../../shared/metadata/postgres/address.ts'

describe('parsePostgresUrl', () => {
  it('takes all that a URL says, the password in percent-encoding', () => {
    const address = parsePostgresUrl(
      'postgresql://ada:p%40ss%2Fword@db.example:6432/lake?schema=tide&sslmode=verify-full&sslrootcert=/etc/ca.pem',
    )
    expect(address).toMatchObject({
      host: 'db.example',
      port: 6432,
      database: 'lake',
      user: 'ada',
      schema: 'tide',
      tls: { verify: 'full', rootCert: '/etc/ca.pem' },
    })
    expect(parsePostgresUrl('postgres://ada@h/lake?pool_size=3')).toMatchObject({ poolSize: 3 })
    expect(parsePostgresUrl('postgres://ada:a,b@h/lake')).toMatchObject({ host: 'h' })
    if (typeof address === 'string') throw new Error(address)
    expect(address.password?.reveal()).toBe('p@ss/word')
    expect(placeOf(address)).toBe('postgres://ada@db.example:6432/lake?schema=tide')
    expect(inspect(address) + JSON.stringify(address)).not.toContain('p@ss')
  })

  it('needs little: port, schema and no TLS by default, a socket folder or an IPv6 address for a host', () => {
    expect(parsePostgresUrl('postgres://ada@localhost/lake')).toEqual({
      host: 'localhost',
      port: 5432,
      database: 'lake',
      user: 'ada',
      schema: 'public',
    })
    expect(parsePostgresUrl('postgres://ada@localhost/lake?host=/run/postgresql')).toMatchObject({
      host: '/run/postgresql',
    })
    expect(parsePostgresUrl('postgres://ada@[::1]:5433/lake')).toMatchObject({ host: '::1', port: 5433 })
    expect(parsePostgresUrl('postgres://ada@h/lake?password_file=/run/secret')).toMatchObject({
      passwordFile: '/run/secret',
    })
  })

  it.each([
    ['postgres://', 'names no user, host or database'],
    ['postgres://host/lake', 'names no user'],
    ['postgres://ada:se/cret@host/lake', 'percent-encoding'],
    ['postgres://ada:secret@host/lake?sslmode=prefer', 'sslmode=prefer'],
    ['postgres://ada:secret@host/lake?sslmode=constructor', 'sslmode=constructor'],
    ['postgres://ada:secret@host/lake?sslrootcert=/ca', 'verify-ca or verify-full'],
    ['postgres://ada:secret@host/lake?sslmode=require&sslcert=/c', 'go together'],
    ['postgres://ada:secret@host/lake?sslcert=/c&sslkey=/k', 'sslmode=require'],
    ['postgres://ada:secret@host/lake?schema=a;drop', 'a schema that is not'],
    ['postgres://ada:secret@host/lake?schema=Tide', 'a schema that is not'],
    ['postgres://ada:secret@host/lake?connect_timeout=1', '`connect_timeout`'],
    ['postgres://ada:secret@host/lake?password_file=/f', 'give one of them'],
    ['postgres://ada:sec%ret@host/lake', 'percent-encoding'],
    ['postgres://ada:secret@one:5432,two:5432/lake', 'names several hosts'],
    ['postgres://ada:secret@one,two/lake', 'names several hosts'],
    ['postgres://ada:secret@one/lake?host=one,two', 'names several hosts'],
    ['postgres://ada:secret@one/lake?target_session_attrs=primary', '`target_session_attrs`'],
  ])('refuses %s, and does not repeat the password', (url, expected) => {
    const found = parsePostgresUrl(url)
    expect(found).toContain(expected)
    expect(found).not.toContain('secret')
  })

  it('names files of TLS, each of which can be placed', () => {
    const address = parsePostgresUrl(
      'postgres://ada@h/lake?sslmode=verify-full&sslrootcert=1&sslcert=2&sslkey=3&password_file=4',
    )
    if (typeof address === 'string') throw new Error(address)
    expect(placePostgresFiles(address, path => `/conf/${path}`)).toEqual({
      ...address,
      passwordFile: '/conf/4',
      tls: {
        verify: 'full',
        rootCert: '/conf/1',
        client: { certFile: '/conf/2', keyFile: '/conf/3' },
      },
    })
  })
})
