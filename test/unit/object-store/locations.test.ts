import { describe, expect, it } from 'vitest'
import {
  keyOfLocation,
  locationToKey,
  normalizeLocation,
  resolveUrl,
} from '../../../shared/object-store/locations.ts'

describe('locations', () => {
  it.each([
    ['s3://lake/warehouse', 'a/b.parquet', 's3://lake/warehouse/a/b.parquet'],
    ['s3://lake/', 'a', 's3://lake/a'],
    ['file:///data/my lake', 'a b%20/ü', 'file:///data/my lake/a b%20/ü'],
  ])('in %s the key %s is %s, and back', (url, key, location) => {
    expect(resolveUrl(url, key)).toBe(location)
    expect(keyOfLocation(url, location)).toBe(key)
  })

  it('reads other spellings of the same place', () => {
    expect(keyOfLocation('s3://lake/w', 's3a://lake/w/x')).toBe('x')
    expect(keyOfLocation('file:///data', 'file:/data/x')).toBe('x')
    expect(normalizeLocation('S3N://lake/x')).toBe('s3://lake/x')
  })

  it('finds no key for a location elsewhere, also when the names begin alike', () => {
    expect(keyOfLocation('s3://lake/w', 's3://lake/warehouse/x')).toBeUndefined()
    expect(keyOfLocation('s3://lake/w', 's3://lake/w')).toBeUndefined()
    expect(keyOfLocation('s3://lake/w', 's3://lake/w/')).toBeUndefined()
    expect(() => locationToKey({ url: 's3://lake/w' }, 's3://other/w/x')).toThrow(/does not lie below/)
  })
})
