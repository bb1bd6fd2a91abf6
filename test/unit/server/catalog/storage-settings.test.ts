import { expect, it } from 'vitest'
import { storageCredentials, storageSettings } from '../../../../services/server/catalog/storage-settings.ts'
import { Secret } from '../../../../shared/config/secret.ts'

it('a server of one’s own is named with path style and some region', () => {
  expect(storageSettings({ url: 's3://lake/w', endpoint: 'http://minio:9000' })).toEqual({
    's3.endpoint': 'http://minio:9000',
    's3.path-style-access': 'true',
    's3.region': 'us-east-1',
    'client.region': 'us-east-1',
  })
})

it('clients that reach the store by another address are told that one', () => {
  const store = { url: 's3://lake/w', endpoint: 'http://127.0.0.1:9000', clientEndpoint: 'http://minio:9000' }
  expect(storageSettings(store)).toMatchObject({ 's3.endpoint': 'http://minio:9000' })
})

it('AWS is named by what tidewater.yaml says, and left to the client’s own chain where it says nothing', () => {
  expect(storageSettings({ url: 's3://lake', region: 'eu-central-1', pathStyle: true })).toEqual({
    's3.path-style-access': 'true',
    's3.region': 'eu-central-1',
    'client.region': 'eu-central-1',
  })
  expect(storageSettings({ url: 's3://lake' })).toEqual({ 's3.path-style-access': 'false' })
})

it('a folder needs nothing', () => {
  const credentials = { accessKeyId: new Secret('a'), secretAccessKey: new Secret('b') }
  expect(storageSettings({ url: 'file:///lake' })).toEqual({})
  expect(storageCredentials({ url: 'file:///lake', credentials })).toEqual({})
})

it('credentials are those of tidewater.yaml, with a session token where there is one', () => {
  const keys = { accessKeyId: new Secret('a'), secretAccessKey: new Secret('b') }
  expect(storageCredentials({ url: 's3://lake' })).toEqual({})
  expect(storageCredentials({ url: 's3://lake', credentials: keys })).toEqual({
    's3.access-key-id': 'a',
    's3.secret-access-key': 'b',
  })
  const temporary = { ...keys, sessionToken: new Secret('c') }
  expect(storageCredentials({ url: 's3://lake', credentials: temporary })).toMatchObject({
    's3.session-token': 'c',
  })
})
