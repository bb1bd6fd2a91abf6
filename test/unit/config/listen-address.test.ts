import { describe, expect, it } from 'vitest'
import { addressText, isLoopback, parseListen } from '../../../shared/config/listen-address.ts'
import { configOf, errorsOf, fileWithTable } from './fixtures.ts'

const file = (server: string, env: Record<string, string> = {}) =>
  [`${fileWithTable('')}server: ${server}\n`, env] as const

describe('parseListen', () => {
  it.each([
    ['127.0.0.1:8181', { host: '127.0.0.1', port: 8181 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:65535', { host: '::1', port: 65535 }],
    ['none', 'none'],
  ])('%s is an address', (text, value) => {
    expect(parseListen(text)).toEqual({ ok: true, value })
  })

  it.each([
    '',
    'localhost',
    '127.0.0.1:65536',
    '[zz]:1',
    '::1:8181',
    'http://a:1',
    '0.0.0.0:80/x',
    null,
    'a b:1',
  ])('%s is refused', text => {
    expect(parseListen(text)).toMatchObject({ ok: false })
  })

  it.each([8181, '8181', ':8181'])('a port alone (%s) is refused with what to write', port => {
    expect(parseListen(port)).toMatchObject({ suggestion: expect.stringContaining('127.0.0.1:8181') })
  })
})

describe('isLoopback', () => {
  it('holds for addresses that only this machine can reach', () => {
    expect(['localhost', 'LOCALHOST', '127.0.0.1', '127.9.9.9', '::1'].filter(isLoopback)).toHaveLength(5)
    expect(['0.0.0.0', '::', '10.0.0.1', '127.evil.example', 'localhost.evil'].filter(isLoopback)).toEqual([])
  })
})

it('addressText puts IPv6 in brackets', () => {
  expect(addressText({ host: '::1', port: 1 })).toBe('[::1]:1')
})

describe('server in tidewater.yaml', () => {
  it('listens on this machine alone unless told otherwise', () => {
    const { server } = configOf(fileWithTable(''))
    expect(server).toMatchObject({ listen: { host: '127.0.0.1', port: 8181 }, passCredentials: false })
    expect(server.token).toBeUndefined()
  })

  it('none means no server', () => {
    expect(configOf(...file('{ listen: none }')).server.listen).toBeUndefined()
  })

  it('an address that others can reach needs a token', () => {
    const [error] = errorsOf(...file('{ listen: "0.0.0.0:8181" }'))
    expect(error).toMatchObject({
      path: 'server.listen',
      suggestion: expect.stringContaining('TIDEWATER_TOKEN'),
    })
    const token = 'a-token-of-sufficient-length'
    const { server } = configOf(...file(`{ listen: "0.0.0.0:8181", token: "\${T}" }`, { T: token }))
    expect(server.token?.reveal()).toBe(token)
  })

  it('a token that no header can carry, or that is short, is refused without being shown', () => {
    for (const token of ['short', 'with space in the middle', 'x'.repeat(1025)]) {
      const errors = errorsOf(...file(`{ token: "\${T}" }`, { T: token }))
      expect(errors).toHaveLength(1)
      expect(JSON.stringify(errors)).not.toContain(token)
    }
  })
})
