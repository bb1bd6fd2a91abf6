/** The signals for autoscalers. */
import { scalingReport } from '../../scaling/scaling-report.ts'
import { scalingAnswer } from './answers.ts'
import { type ApiRoute, route } from './route.ts'

export const scalingRoutes: readonly ApiRoute[] = [
  route({
    path: '/scaling',
    operationId: 'getScaling',
    summary: 'What waits for converters, and how many of them it calls for: flat numbers for autoscalers.',
    answer: scalingAnswer,
    handle: async ({ metadata, config }) => scalingReport(await metadata.readScaling(), config.scaling),
  }),
]
