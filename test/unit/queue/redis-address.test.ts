import { describe, expect, it } from 'vitest'
import { Secret } from '../../../shared/config/secret.ts'
import { parseRedisUrl, placeRedisFiles, redisAddressText } from '../../../shared/queue/redis-address.ts'

function addressOf(url: string) {
  const parsed = parseRedisUrl(url)
  if (!parsed.ok) throw new Error(parsed.suggestion ?? parsed.expected)
  return parsed.value
}

describe('addresses', () => {
  it.each([
    [
      'redis://localhost',
      {
        kind: 'server',
        hosts: [{ host: 'localhost', port: 6379 }],
        database: 0,
        prefix: 'tidewater',
      },
    ],
    [
      'rediss://ada:s%40f%2F%3A@[2001:db8::1]:6380/7?prefix=eu.1&ca_file=./ca.pem',
      {
        kind: 'server',
        hosts: [{ host: '2001:db8::1', port: 6380 }],
        tls: { caFile: './ca.pem' },
        username: 'ada',
        database: 7,
        prefix: 'eu.1',
      },
    ],
    [
      'redis+sentinel://a,b:26380/mymaster/2?password_file=/run/secret',
      {
        kind: 'sentinel',
        master: 'mymaster',
        database: 2,
        passwordFile: '/run/secret',
        hosts: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 26_380 },
        ],
      },
    ],
    [
      'rediss+cluster://:x@n1:7000,n2:7001',
      { kind: 'cluster', tls: {}, hosts: [{ port: 7000 }, { port: 7001 }] },
    ],
    [
      'rediss+sentinel://ada@a/m?password_file=p&cert_file=c.pem&key_file=k.pem&sentinel_user=eve&sentinel_password_file=q',
      {
        username: 'ada',
        passwordFile: 'p',
        tls: { client: { certFile: 'c.pem', keyFile: 'k.pem' } },
        sentinelLogin: { username: 'eve', passwordFile: 'q' },
      },
    ],
  ])('%s is read', (url, expected) => {
    expect(addressOf(url)).toMatchObject(expected)
  })

  it('takes passwords apart from the URL as they are, and shows them nowhere', () => {
    const address = addressOf('redis://ada:s%40f%2F%3A@host/1')
    expect(address.password?.reveal()).toBe('s@f/:')
    expect(JSON.stringify(address)).not.toContain('s@f')
    expect(redisAddressText(address)).toBe('redis://host:6379/1')
    expect(addressOf('redis://:a@b@host').password?.reveal()).toBe('a@b')
    expect(addressOf('redis://:only@host').username).toBeUndefined()
    const sentinel = addressOf('redis+sentinel://a/m?sentinel_password=h%26nter2')
    expect(sentinel).toMatchObject({ sentinelLogin: { password: expect.any(Secret) } })
    expect(JSON.stringify(sentinel) + redisAddressText(sentinel)).not.toContain('nter2')
  })

  it.each([
    'redis+sentinel://a:26379,b:26380/m/0',
    'rediss+cluster://n1:7000,n2:7001',
    'redis://[::1]:6379/0',
  ])('%s is written as it was read', url => {
    expect(redisAddressText(addressOf(url))).toBe(url)
  })

  it.each([
    ['http://host', undefined],
    ['redis://', undefined],
    ['redis://pa/ss:hunter2@host', /percent|number|%2F/],
    ['redis://hunter2@host', /redis:\/\/:password@host/],
    ['redis://host:99999', undefined],
    ['redis://a,b', /Several hosts/],
    ['redis://host/x', /number/],
    ['redis+sentinel://host', /master/],
    ['redis+cluster://host/1', /no databases/],
    ['redis://host?db=1', /password_file, prefix, ca_file/],
    ['redis://host?ca_file=x', /rediss/],
    ['redis://:hunter2@host?password_file=x', /not both/],
    ['redis://host?prefix={x}', /prefix/],
    ['redis://:%zz@host', undefined],
    ['redis://hunter2:@host', /:password@host/],
    ['redis://host?password_file=', /no value/],
    ['rediss://host?cert_file=x', /go together/],
    ['redis://host?key_file=x&cert_file=x', /rediss/],
    ['redis://host?sentinel_password=hunter2', /redis\+sentinel/],
    ['redis+sentinel://a/m?sentinel_password=hunter2&sentinel_password_file=x', /not both/],
  ])('%s is refused, without repeating it', (url, suggestion) => {
    const parsed = parseRedisUrl(url)
    expect(parsed.ok).toBe(false)
    if (suggestion !== undefined)
      expect(parsed).toMatchObject({ suggestion: expect.stringMatching(suggestion) })
    expect(JSON.stringify(parsed)).not.toContain('hunter2')
  })

  it('places every file, and nothing else', () => {
    const url =
      'rediss+sentinel://ada@a/m?password_file=1&ca_file=2&cert_file=3&key_file=4&sentinel_password_file=5'
    const placed = placeRedisFiles(addressOf(url), path => `/conf/${path}`)
    expect(JSON.stringify(placed).match(/\/conf\/\d/g)).toEqual([1, 2, 3, 4, 5].map(n => `/conf/${n}`))
    expect(placed).toMatchObject({ username: 'ada', master: 'm', prefix: 'tidewater' })
    const plain = addressOf('redis://:x@host/1')
    expect(placeRedisFiles(plain, () => '/elsewhere')).toEqual(plain)
  })
})
