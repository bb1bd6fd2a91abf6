/** File system failures as AppErrors, in the codes that every object store uses. */
import { AppError, type AppErrorOptions } from '../runtime/errors.ts'

export function isMissing(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code
}

/** `action` completes "Could not …", for example `write the object`. */
export function classifyFileError(
  error: unknown,
  context: { readonly storeUrl: string; readonly key: string; readonly action: string },
): AppError {
  if (error instanceof AppError) return error
  const code = codeOf(error) ?? 'unknown'
  const { next, appCode, advice } = kindOf(code)
  return new AppError({
    code: appCode,
    next,
    message: `Could not ${context.action} ${context.key} in ${context.storeUrl}: the file system answered ${code}. ${advice}`,
    details: { store: context.storeUrl, key: context.key, errno: code },
    cause: error,
  })
}

function kindOf(code: string): {
  readonly next: AppErrorOptions['next']
  readonly appCode: string
  readonly advice: string
} {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return {
        next: 'wait',
        appCode: 'access-denied',
        advice: 'Let the user that runs Tidewater read and write this folder.',
      }
    case 'ENOSPC':
    case 'EDQUOT':
      return {
        next: 'retry',
        appCode: 'store-full',
        advice: 'Free space on this disk; Tidewater tries again.',
      }
    case 'ENAMETOOLONG':
    case 'EISDIR':
    case 'ENOTDIR':
    case 'EEXIST':
    case 'ENOTEMPTY':
      return {
        next: 'park',
        appCode: 'invalid-key',
        advice:
          'A file system cannot hold this key: a part of it is too long, or a file stands where a folder is needed, or the reverse.',
      }
    case 'EXDEV':
      return {
        next: 'wait',
        appCode: 'store-unsupported',
        advice: 'All of a store must lie on one file system: nothing below its folder may be another mount.',
      }
    case 'ELOOP':
      return {
        next: 'park',
        appCode: 'folder-too-deep',
        advice: 'Symbolic links form a circle; remove the link.',
      }
    default:
      return {
        next: 'retry',
        appCode: 'store-unavailable',
        advice: 'Check the disk and the limit of open files; Tidewater tries again.',
      }
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
