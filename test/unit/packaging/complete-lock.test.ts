import { expect, it } from 'vitest'
import { completeLock, missingBuilds } from '../../../packaging/complete-lock.ts'

const lock = JSON.stringify({
  lockfileVersion: 3,
  packages: {
    '': { name: 'app' },
    'node_modules/fast': {
      resolved: 'kept in its place',
      dev: true,
      optionalDependencies: {
        '@fast/linux-x64': '1.0.0',
        '@fast/linux-arm64-musl': '1.0.0',
        '@fast/win32-x64': '1.0.0',
      },
    },
    'node_modules/@fast/linux-x64': { version: '1.0.0' },
  },
})

it('finds the builds that the lock file names but does not hold', () => {
  expect(missingBuilds(lock).map(build => build.name)).toEqual(['@fast/linux-arm64-musl', '@fast/win32-x64'])
})

it('adds them for their own platform only, in the order of npm, and has then nothing to add', () => {
  const completed = completeLock(lock)
  const { packages } = JSON.parse(completed)
  expect(Object.keys(packages)).toEqual([
    '',
    'node_modules/@fast/linux-arm64-musl',
    'node_modules/@fast/linux-x64',
    'node_modules/@fast/win32-x64',
    'node_modules/fast',
  ])
  expect(packages['node_modules/@fast/linux-arm64-musl']).toEqual({
    version: '1.0.0',
    cpu: ['arm64'],
    dev: true,
    libc: ['musl'],
    optional: true,
    os: ['linux'],
  })
  expect(Object.keys(packages['node_modules/fast'])).toEqual(['resolved', 'dev', 'optionalDependencies'])
  expect(missingBuilds(completed)).toEqual([])
  expect(completeLock(completed)).toBe(completed)
})

it('refuses a name that does not say its platform', () => {
  expect(() => completeLock(lock.replace('@fast/win32-x64', '@fast/wasm'))).toThrow(/@fast\/wasm/)
})
