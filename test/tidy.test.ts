/**
 * Holds what STYLE and ARCHITECTURE promise and no compiler checks: import direction, no ambient time or randomness, pure deciding,
 * no barrels, a test for every module of `shared/`, and documents whose links resolve. It reads the tracked and new files as text.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { missingBuilds } from '../packaging/complete-lock.ts'

const ROOT = join(import.meta.dirname, '..')
const SELF = relative(ROOT, import.meta.filename)
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter(path => path !== '' && path !== SELF && existsSync(join(ROOT, path)))
  .sort()

const SOURCES = FILES.filter(path => path.endsWith('.ts')).map(path => source(path))
const PRODUCT = SOURCES.filter(file => /^(services|shared|catalog-adapters)\//.test(file.path))
const DOCUMENTS = FILES.filter(path => path.endsWith('.md'))

interface Import {
  readonly specifier: string
  /** Erased at run time: `import type`, or only inline `type` names. */
  readonly typeOnly: boolean
  /** From the root of the repository, for a relative specifier. */
  readonly path?: string
}

interface Source {
  readonly path: string
  /** Without comments; strings stay. */
  readonly code: string
  readonly imports: readonly Import[]
}

describe('imports', () => {
  it('run one way: services → catalog-adapters → shared, and never into tests', () => {
    const allowed = new Map([
      ['shared', ['shared']],
      ['catalog-adapters', ['catalog-adapters', 'shared']],
      ['services', ['services', 'catalog-adapters', 'shared']],
    ])
    const found = PRODUCT.flatMap(({ path, imports }) =>
      imports
        .filter(({ path: to }) => to !== undefined && !allowed.get(top(path))?.includes(top(to)))
        .map(({ path: to }) => `${path} imports ${to}`),
    )
    expect(found).toEqual([])
  })

  it('lead no pure file to files, sockets, databases, clients or the system runtime', () => {
    const impure =
      /^(node:(fs|net|http|https|child_process|worker_threads|sqlite|timers|os)(\/.*)?|undici|kysely|pino|@aws-sdk\/.*)$/
    const effects = /^shared\/(runtime\/system-runtime|object-store\/|metadata\/|queue\/)/
    const pure = PRODUCT.filter(
      ({ path }) => path.startsWith('shared/iceberg/') || /\/(plan|render)[^/]*\.ts$/.test(path),
    )
    const found = pure.flatMap(({ path, imports }) =>
      imports
        .filter(({ typeOnly }) => !typeOnly)
        .filter(({ specifier, path: to }) => impure.test(specifier) || effects.test(to ?? ''))
        .map(({ specifier }) => `${path} imports ${specifier}`),
    )
    expect(pure.length).toBeGreaterThan(0)
    expect(found).toEqual([])
  })

  it('go to the defining file: there are no barrel files', () => {
    const found = PRODUCT.filter(
      ({ path, code }) =>
        /\/index\.ts$/.test(path) || /^export\s+(type\s+)?(\*|\{[^}]*\})\s*(as\s+\w+\s*)?from\b/m.test(code),
    )
    expect(names(found)).toEqual([])
  })

  it('name what they take: only configuration files have a default export', () => {
    expect(matching(SOURCES, /^export\s+default\b/m).filter(path => !path.endsWith('.config.ts'))).toEqual([])
  })
})

describe('the product', () => {
  it('takes time, ids and randomness from the Runtime alone', () => {
    const ambient =
      /\b(Date\.now|Math\.random|randomUUID|randomBytes|randomInt|getRandomValues|performance\.now|hrtime|setTimeout|setInterval|setImmediate)\b|\bnew Date\(\s*\)|['"]node:timers/
    expect(matching(PRODUCT, ambient).filter(path => !path.startsWith('shared/runtime/'))).toEqual([])
  })

  it('generates code only where records are decoded', () => {
    const found = matching(PRODUCT, /\bnew Function\b|(?<![.\w])eval\(/)
    expect(found.filter(path => !path.startsWith('shared/decode/'))).toEqual([])
  })

  it('keeps nothing in folders or files named for no noun of the architecture', () => {
    const vague = /(^|\/)(utils?|helpers?|misc|common)(\/|\.ts$)/
    expect(FILES.filter(path => vague.test(path))).toEqual([])
  })

  it('has a test for every module of shared/ that has something to run', () => {
    // What is for a server is tested with that server.
    const kinds = /^test\/(unit|contract|property|golden|e2e\/(postgres|redis))\//
    const tests = SOURCES.filter(({ path }) => kinds.test(path))
    const tested = new Set(tests.flatMap(({ imports }) => imports.flatMap(({ path }) => path ?? [])))
    // A leaf may be tested through the module of its own area (`shared/<area>/`) that it serves.
    const area = (path: string) => path.split('/').slice(0, 2).join('/')
    for (const reached of tested) {
      const served = PRODUCT.find(({ path }) => path === reached)?.imports ?? []
      for (const { path: leaf } of served) if (leaf && area(leaf) === area(reached)) tested.add(leaf)
    }
    const found = PRODUCT.filter(
      ({ path, code }) => path.startsWith('shared/') && hasRuntimeExports(code) && !tested.has(path),
    )
    expect(names(found)).toEqual([])
  })
})

describe('every file', () => {
  it('is free of paths of one machine and of registry hosts', () => {
    const local = /(?<![\w.])\/(work|root|home)\/\w/
    const registry =
      /\bregistry\.npm|\bpypi\.(org|python)|\brepo1?\.maven|\bproxy\.golang|\bdeb\.debian|\bcrates\.io\//
    const texts = FILES.filter(path =>
      /(\.(ts|js|json|md|py|sh|txt|yaml|yml|go|mod|java|xml|sql)|\/run)$/.test(path),
    )
    const found = texts.filter(path => {
      const text = readFileSync(join(ROOT, path), 'utf8')
      return local.test(text) || registry.test(text)
    })
    expect(found).toEqual([])
  })
})

describe('package-lock.json', () => {
  it('holds every build that npm ci asks for; if not, run node packaging/complete-lock.ts', () => {
    expect(missingBuilds(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))).toEqual([])
  })
})

describe('documents', () => {
  it('have relative links that resolve, to headings too', () => {
    const found = DOCUMENTS.flatMap(path => brokenLinks(path).map(link => `${path}: ${link}`))
    expect(found).toEqual([])
  })
})

function source(path: string): Source {
  const code = withoutComments(readFileSync(join(ROOT, path), 'utf8'))
  const statements = code.matchAll(
    /^\s*(?:import|export)\b(?<clause>[^'"`;]*?)(?:\bfrom\s*)?['"](?<specifier>[^'"]+)['"]/gm,
  )
  const dynamic = code.matchAll(/\bimport\(\s*['"](?<specifier>[^'"]+)['"]/g)
  const imports = [...statements, ...dynamic].map(({ groups }) => {
    const specifier = groups?.specifier ?? ''
    return {
      specifier,
      typeOnly: isTypeOnly(groups?.clause ?? ''),
      ...(specifier.startsWith('.') && { path: normalize(join(dirname(path), specifier)) }),
    }
  })
  return { path, code, imports }
}

function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true
  const named = /^\s*\{(?<list>[^}]*)\}\s*$/.exec(clause)?.groups?.list
  return named?.split(',').every(name => name.trim() === '' || /^type\b/.test(name.trim())) ?? false
}

/** Strings and templates are skipped over whole, so that a `//` in a URL is no comment; good enough for code that biome formats. */
function withoutComments(text: string): string {
  return text.replace(
    /('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|(?<![\\:/])\/\/[^\n]*/g,
    (_match, string?: string) => string ?? '',
  )
}

function hasRuntimeExports(code: string): boolean {
  return /^export\s+(async\s+)?(function|class|const|let)\b/m.test(code)
}

function brokenLinks(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  const targets = [...text.matchAll(/\]\((?<target>[^)\s]+)\)/g)].map(({ groups }) => groups?.target ?? '')
  return targets.filter(target => {
    if (/^[a-z]+:/.test(target)) return false
    const [file = '', anchor] = target.split('#')
    const to = file === '' ? path : normalize(join(dirname(path), file))
    if (!existsSync(join(ROOT, to))) return true
    return anchor !== undefined && to.endsWith('.md') && !headings(to).has(anchor)
  })
}

/** The anchors that forges give headings: lower case, punctuation dropped, spaces to dashes. */
function headings(path: string): Set<string> {
  const lines = readFileSync(join(ROOT, path), 'utf8').matchAll(/^#+\s+(?<title>.+)$/gm)
  return new Set(
    [...lines].map(({ groups }) =>
      (groups?.title ?? '')
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  )
}

function top(path: string): string {
  return path.split('/')[0] ?? ''
}

function matching(files: readonly Source[], pattern: RegExp): string[] {
  return names(files.filter(({ code }) => pattern.test(code)))
}

function names(files: readonly Source[]): string[] {
  return files.map(({ path }) => path)
}
