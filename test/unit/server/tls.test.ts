import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTls } from '../../../services/server/tls.ts'
import { type CertificateAuthority, createAuthority, type KeyPair } from '../../servers/certificates.ts'
import { type Serving, serve } from './serving.ts'

let authority: CertificateAuthority
beforeAll(() => {
  authority = createAuthority()
})
afterAll(() => authority?.remove())
const file = (name: string) => join(authority.folder, name)

describe('files that cannot be used', () => {
  const errorOf = (files: KeyPair): unknown => {
    try {
      openTls(files)
    } catch (error) {
      return error
    }
    return undefined
  }

  it('are named, each by its setting', () => {
    const pair = authority.server()
    expect(errorOf({ ...pair, certFile: file('none.pem') })).toMatchObject({
      code: 'server-tls-file-unreadable',
      next: 'fatal',
      message: expect.stringMatching(/none\.pem \(server\.tls\.cert_file\).*ENOENT/),
    })
    expect(errorOf({ ...pair, keyFile: authority.folder })).toMatchObject({
      code: 'server-tls-file-unreadable',
      message: expect.stringContaining('(server.tls.key_file)'),
    })
  })

  it('are told why: another key, a key with a password, no PEM', () => {
    const pair = authority.server()
    writeFileSync(file('text.pem'), 'canary of a file\n')
    execFileSync('openssl', [
      ...['pkey', '-in', pair.keyFile, '-aes256', '-passout', 'pass:secret', '-out', file('locked.key')],
    ])
    for (const [files, reason] of [
      [{ ...pair, keyFile: authority.server().keyFile }, 'the key is not that of the certificate'],
      [{ ...pair, keyFile: file('locked.key') }, 'the key has a password'],
      [{ ...pair, certFile: file('text.pem') }, 'is not PEM'],
      [{ ...pair, keyFile: file('text.pem') }, 'no PEM key'],
    ] as const) {
      const error = errorOf(files)
      expect(error).toMatchObject({ code: 'server-tls-invalid', message: expect.stringContaining(reason) })
      expect(String(error)).not.toContain('canary')
    }
  })
})

it('a renewed certificate is taken up at the next look, and one that cannot be used changes nothing', async () => {
  const files = { certFile: file('live.pem'), keyFile: file('live.key') }
  const put = (pair: KeyPair, only?: keyof KeyPair) => {
    for (const name of ['certFile', 'keyFile'] as const)
      if (only === undefined || only === name) copyFileSync(pair[name], files[name])
  }
  const [first, second] = [authority.server(), authority.server()]
  put(first)
  const looks: (() => void)[] = []
  const told: string[] = []
  const end = new AbortController()
  const tls = openTls(files)
  const renewing = tls.renew({
    runtime: { sleep: () => new Promise(resolve => looks.push(resolve)) },
    signal: end.signal,
    renewed: certFile => told.push(certFile),
    problem: error => told.push(Object(error).code),
  })
  const look = async () => {
    looks.shift()?.()
    await expect.poll(() => looks.length).toBe(1)
  }
  await look()
  put(second, 'certFile')
  await look()
  expect(told).toEqual(['server-tls-invalid'])
  put(second, 'keyFile')
  await look()
  await look()
  expect(told).toEqual(['server-tls-invalid', files.certFile])
  end.abort()
  looks.shift()?.()
  await renewing
})

describe('the server', () => {
  let serving: Serving
  afterAll(() => serving?.pipeline.close())

  it('speaks TLS 1.2 and newer alone, keeps its limits, and waits for no client that never says hello', async () => {
    serving = await serve({ tls: authority.server(), stopTimeoutMs: 300 })
    const { url } = serving
    expect(url).toMatch(/^https:/)
    const port = Number(new URL(url).port)
    const versionOf = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
      new Promise<string | null>(resolve => {
        const options = { port, host: '127.0.0.1', rejectUnauthorized: false, ciphers: 'DEFAULT@SECLEVEL=0' }
        const socket: TLSSocket = connect({ ...options, minVersion: version, maxVersion: version }, () => {
          resolve(socket.getProtocol())
          socket.destroy()
        }).on('error', () => resolve(null))
      })
    expect([await versionOf('TLSv1.1'), await versionOf('TLSv1.2'), await versionOf('TLSv1.3')]).toEqual([
      null,
      'TLSv1.2',
      'TLSv1.3',
    ])
    expect(await say('X: '.padEnd(20_000, 'x'))).toMatch(/^HTTP\/1\.1 431 /)
    expect(await say('no header')).toMatch(/^HTTP\/1\.1 400 /)
    const silent = connectPlain(port, '127.0.0.1').on('error', () => undefined)
    await once(silent, 'connect')
    const started = performance.now()
    await serving.close()
    // Less than a handshake may take.
    expect(performance.now() - started).toBeLessThan(8000)
    silent.destroy()

    /** What a request with this header is answered. */
    function say(header: string): Promise<string> {
      return new Promise((resolve, reject) => {
        let heard = ''
        const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
          socket.write(`GET /healthz HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`),
        )
        socket
          .on('data', chunk => {
            heard += String(chunk)
          })
          .on('close', () => resolve(heard))
          .on('error', reject)
      })
    }
  })
})
