/**
 * Where a module of this program is at run time: `.ts` in a clone, which Node runs as it is, and `.js` in the package, which the compiler
 * emitted. The compiler rewrites the extension of imports but not of `new URL('./x.ts', …)`, and workers are started by URL.
 */

/**
 * The URL of the module `name` (relative, without extension) next to the caller:
 * `new Worker(siblingModule(import.meta.url, './convert-worker'))`.
 */
export function siblingModule(importMetaUrl: string, name: string): URL {
  const extension = new URL(importMetaUrl).pathname.endsWith('.ts') ? '.ts' : '.js'
  return new URL(name + extension, importMetaUrl)
}
