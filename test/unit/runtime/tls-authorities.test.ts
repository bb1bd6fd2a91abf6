import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { expect, it } from 'vitest'
import { trustedAuthorities } from '../../../shared/runtime/tls-authorities.ts'

it('one of the user’s own is trusted beside those of Node; a file that is not there names its setting', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidewater-authorities-'))
  const path = join(folder, 'ca.pem')
  const file = { path, code: 'store-file-unreadable', setting: 'ca_file of a store' }
  expect(() => trustedAuthorities(file)).toThrowError(
    expect.objectContaining({
      code: 'store-file-unreadable',
      next: 'fatal',
      message: expect.stringContaining(`Reading ${path} (ca_file of a store in tidewater.yaml) failed`),
    }),
  )
  writeFileSync(path, 'the certificate')
  expect(trustedAuthorities(file)).toEqual([...getCACertificates('default'), 'the certificate'])
  await rm(folder, { recursive: true })
})
