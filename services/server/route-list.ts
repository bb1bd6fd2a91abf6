/** Which paths the server knows, so that a wrong method is told apart from a wrong path. */
import type { FastifyInstance } from 'fastify'

export interface KnownRoute {
  readonly methods: readonly string[]
  /** Matches whole paths. */
  readonly pattern: RegExp
}

/** Fills as routes are added to `app` and to what is registered in it. */
export function collectRoutes(app: FastifyInstance): readonly KnownRoute[] {
  const routes: KnownRoute[] = []
  app.addHook('onRoute', ({ method, url }) => {
    routes.push({ methods: [method].flat(), pattern: patternOf(url) })
  })
  return routes
}

/** Empty when there is no route for the path at all. */
export function allowedMethods(routes: readonly KnownRoute[], path: string): readonly string[] {
  const found = routes.filter(route => route.pattern.test(path)).flatMap(route => route.methods)
  return [...new Set(found)].sort()
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map(part => {
    if (part.startsWith(':')) return '[^/]+'
    if (part === '*') return '.*'
    return part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  })
  return new RegExp(`^${parts.join('/')}$`)
}
