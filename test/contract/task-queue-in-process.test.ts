import { createInProcessQueue } from '../../shared/queue/in-process-queue.ts'
import { describeTaskQueue } from './task-queue.ts'

describeTaskQueue('in-process', { open: async maxWaiting => createInProcessQueue(maxWaiting) })
