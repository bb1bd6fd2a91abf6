/** The Helm chart, rendered by Helm. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { ROOT } from './composition.ts'
import { installHelm, KUBERNETES_VERSIONS } from './install.ts'

export const CHART = join(ROOT, 'deploy/helm/tidewater')
export const FULL_VALUES = join(import.meta.dirname, 'full-values.yaml')
/** A configuration that the chart takes as it is. */
export const CONFIG = join(ROOT, 'deploy/compose/tidewater.yaml')
export const RELEASE = 'lake'

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) })
const container = z.object({
  image: z.string(),
  args: z.array(z.string()),
  env: z
    .array(
      z.object({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }).optional(),
      }),
    )
    .default([]),
  envFrom: z.array(z.object({ secretRef: z.object({ name: z.string() }) })).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.int() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
  securityContext: z.record(z.string(), z.unknown()),
})
const resourceSchema = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
})
export type Resource = z.infer<typeof resourceSchema>
const deploymentSchema = z.looseObject({
  metadata: z.object({ name: z.string() }),
  spec: z.looseObject({
    replicas: z.int().optional(),
    strategy: z.looseObject({ type: z.string() }),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({
        containers: z.tuple([container]),
        securityContext: z.record(z.string(), z.unknown()),
      }),
    }),
  }),
})
export type Deployment = z.infer<typeof deploymentSchema>

export async function helm(...args: readonly string[]) {
  const run = spawnSync(await installHelm(), args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  // It tells of each link in the chart, which leads to what deploy/ ships for everybody.
  const complaints = run.stderr.split('\n').filter(line => !line.includes('found symbolic link in path'))
  return { exitCode: run.status, output: run.stdout, complaints: complaints.join('\n').trim() }
}

export async function render(...settings: readonly string[]) {
  const [version] = KUBERNETES_VERSIONS
  return await helm('template', RELEASE, CHART, '--namespace', 'data', '--kube-version', version, ...settings)
}

/** With `deploy/compose/tidewater.yaml` as configuration. */
export async function rendered(...settings: readonly string[]): Promise<readonly Resource[]> {
  const { exitCode, output, complaints } = await render('--set-file', `config=${CONFIG}`, ...settings)
  if (exitCode !== 0) throw new Error(`helm template failed:\n${complaints}`)
  return parseAllDocuments(output)
    .map(document => document.toJS() as unknown)
    .filter(value => value !== null)
    .map(value => resourceSchema.parse(value))
}

export const deploymentsOf = (resources: readonly Resource[]): readonly Deployment[] =>
  resources.filter(({ kind }) => kind === 'Deployment').map(resource => deploymentSchema.parse(resource))
