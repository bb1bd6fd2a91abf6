/**
 * JSON Schemas for kubeconform: one file for each kind, whole in itself. Those of Kubernetes refer to one file of definitions; those of
 * KEDA and the Prometheus operator stand in their CustomResourceDefinitions. Unknown members are errors.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'

/** The kinds that the chart has; each file carries all definitions, so others are left out. */
const KINDS =
  /^(deployment-apps|horizontalpodautoscaler-autoscaling|ingress-networking|networkpolicy-networking|poddisruptionbudget-policy)-v\d+\.json$|^(configmap|service|serviceaccount)-v1\.json$/

const definition = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(
      z.object({
        name: z.string(),
        schema: z.object({ openAPIV3Schema: z.record(z.string(), z.unknown()) }),
      }),
    ),
  }),
})

export function writeSchemas(options: {
  /** Folder of the schemas of Kubernetes' own kinds. */
  readonly builtIn: string
  /** Files of CustomResourceDefinitions. */
  readonly resources: readonly string[]
  readonly target: string
}): void {
  const { builtIn, resources, target } = options
  const read = (name: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(builtIn, name), 'utf8').replaceAll('/api/_definitions.json#', '#'))
  const { $defs } = read('_definitions.json')
  for (const name of readdirSync(builtIn).filter(file => KINDS.test(file)))
    writeFileSync(join(target, name), JSON.stringify({ ...read(name), $id: undefined, $defs }))
  for (const file of resources) {
    for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
      const { group, names, versions } = definition.parse(document.toJS()).spec
      for (const { name, schema } of versions) {
        const file = `${names.kind}-${group.split('.')[0]}-${name}.json`.toLowerCase()
        writeFileSync(join(target, file), JSON.stringify(strict(schema.openAPIV3Schema)))
      }
    }
  }
}

/** Objects that name their members take no others, but at the top, where a resource has what all have. */
function strict(schema: unknown, isTop = true): unknown {
  if (Array.isArray(schema)) return schema.map(item => strict(item, false))
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value, false)]))
  const isClosed =
    !isTop &&
    'properties' in schema &&
    'type' in schema &&
    !('x-kubernetes-preserve-unknown-fields' in schema)
  return isClosed && !('additionalProperties' in schema) ? { ...inner, additionalProperties: false } : inner
}
