/** Opens the store that a URL of tidewater.yaml names: `file:…`, a plain path, or `s3://bucket/prefix`. */
import { resolve } from 'node:path'
import { AppError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { createFileObjectStore } from './file-object-store.ts'
import type { ObjectStore } from './object-store.ts'
import type { S3StoreOptions } from './s3-connection.ts'
import { createS3ObjectStore } from './s3-object-store.ts'

/** Where a URL leads, before anything is opened. */
export type StoreLocation =
  | { readonly kind: 'file'; readonly path: string; readonly url: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string; readonly url: string }

export interface OpenStoreOptions extends Omit<S3StoreOptions, 'bucket' | 'prefix'> {
  /** What relative paths are relative to: the folder of the configuration file. Without it, they are refused. */
  readonly baseFolder?: string
  readonly runtime: Pick<Runtime, 'uuid' | 'nowMs' | 'sleep' | 'random'>
}

/** Errors: `invalid-store-url` (fatal). Nothing is contacted yet. */
export function openObjectStore(url: string, options: OpenStoreOptions): ObjectStore {
  const location = parseStoreUrl(url, options.baseFolder)
  if (location.kind === 'file') return createFileObjectStore(location.path, options.runtime)
  const { baseFolder: _, runtime, ...s3Options } = options
  return createS3ObjectStore({ ...s3Options, bucket: location.bucket, prefix: location.prefix }, runtime)
}

/** `url` in the result is absolute and has no trailing slash. */
export function parseStoreUrl(url: string, baseFolder?: string): StoreLocation {
  if (/^s3[an]?:/i.test(url)) return parseS3Url(url)
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== 'file') {
    throw invalidUrl(url, `"${scheme}:" is not a known kind of store`)
  }
  return parseFileUrl(url, baseFolder)
}

function parseS3Url(url: string): StoreLocation {
  const match = /^s3[an]?:\/\/([^/?#]+)(?:\/(.*))?$/i.exec(url)
  const bucket = match?.[1] ?? ''
  // The rules that AWS and MinIO share; a typing error shows here rather than as a strange DNS failure.
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket)) {
    throw invalidUrl(url, bucket === '' ? 'it names no bucket' : `"${bucket}" is not a possible bucket name`)
  }
  const prefix = (match?.[2] ?? '').replace(/^\/+|\/+$/g, '')
  if (prefix.split('/').some(part => part === '.' || part === '..') || /\/\//.test(prefix)) {
    throw invalidUrl(url, 'its path has an empty, "." or ".." part')
  }
  return { kind: 's3', bucket, prefix, url: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}` }
}

function parseFileUrl(url: string, baseFolder: string | undefined): StoreLocation {
  const path = url.replace(/^file:(?:\/\/(?=\/))?/i, '')
  if (path === '') throw invalidUrl(url, 'it names no folder')
  if (path.startsWith('//'))
    throw invalidUrl(url, 'it names another host; write file:///folder or file:./folder')
  if (path.includes('\0')) throw invalidUrl(url, 'it holds a NUL character')
  if (!path.startsWith('/') && baseFolder === undefined) {
    throw invalidUrl(url, 'it is relative, and there is no folder to start from')
  }
  const absolute = resolve(baseFolder ?? '/', path)
  return { kind: 'file', path: absolute, url: `file://${absolute === '/' ? '' : absolute}` }
}

function invalidUrl(url: string, problem: string): AppError {
  return new AppError({
    code: 'invalid-store-url',
    next: 'fatal',
    message: `The store URL ${JSON.stringify(url)} cannot be used: ${problem}. Expected s3://bucket/prefix, file:///folder, or file:./folder.`,
    details: { url },
  })
}
