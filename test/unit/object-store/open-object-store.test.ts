import { describe, expect, it } from 'vitest'
import { openObjectStore, parseStoreUrl } from '../../../shared/object-store/open-object-store.ts'
import { systemRuntime } from '../../../shared/runtime/system-runtime.ts'

describe('parseStoreUrl', () => {
  it.each([
    ['file:./lake', 'file:///conf/lake'],
    ['file:lake', 'file:///conf/lake'],
    ['./lake/', 'file:///conf/lake'],
    ['../lake', 'file:///lake'],
    ['/data/lake', 'file:///data/lake'],
    ['file:/data/lake', 'file:///data/lake'],
    ['file:///data/lake/', 'file:///data/lake'],
    ['s3://bucket', 's3://bucket'],
    ['s3://bucket/', 's3://bucket'],
    ['s3://bucket/a/b/', 's3://bucket/a/b'],
    ['s3a://bucket/a', 's3://bucket/a'],
  ])('%s is %s', (url, expected) => {
    expect(parseStoreUrl(url, '/conf').url).toBe(expected)
  })

  it('splits an s3 URL into bucket and prefix', () => {
    expect(parseStoreUrl('s3://bucket/a/b')).toEqual({
      kind: 's3',
      bucket: 'bucket',
      prefix: 'a/b',
      url: 's3://bucket/a/b',
    })
  })

  it.each([
    ['gs://bucket/a', /"gs:" is not a known kind/],
    ['s3://', /names no bucket/],
    ['s3:bucket', /names no bucket/],
    ['s3://a', /not a possible bucket name/],
    ['s3://bu_cket!/a', /not a possible bucket name/],
    ['s3://bucket/a/../b', /"\.\." part/],
    ['file:', /names no folder/],
    ['', /names no folder/],
    ['file://host/share', /names another host/],
  ])('refuses %s', (url, message) => {
    expect(() => parseStoreUrl(url, '/conf')).toThrow(message)
  })

  it('refuses a relative path without a folder to start from', () => {
    expect(() => parseStoreUrl('file:./lake')).toThrow(/no folder to start from/)
  })
})

describe('openObjectStore', () => {
  it('opens the kind of store that the URL names', async () => {
    const options = { baseFolder: '/conf', runtime: systemRuntime }
    expect(openObjectStore('./lake', options).url).toBe('file:///conf/lake')
    const s3 = openObjectStore('s3://bucket/a/', { ...options, endpoint: 'http://localhost:9000' })
    expect(s3.url).toBe('s3://bucket/a')
    await s3.close()
  })
})
