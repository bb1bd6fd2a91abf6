/** What the main thread and a conversion thread say to each other: plain data that a structured clone keeps. */
import type { ConvertTask, TaskResult } from '../../shared/flow.ts'
import type { OpenStoreOptions } from '../../shared/object-store/open-object-store.ts'
import type { NextStep } from '../../shared/runtime/errors.ts'
import type { ConvertSettings, ConvertTarget } from './convert-task.ts'

/** A store that the thread opens for itself. Credentials travel in memory only. */
export interface StoreToOpen {
  readonly url: string
  readonly options: Omit<OpenStoreOptions, 'runtime'>
}

export interface ThreadStores {
  readonly sources: Readonly<Record<string, StoreToOpen>>
  readonly warehouse: StoreToOpen
}

export interface ConvertRequest {
  readonly task: ConvertTask
  readonly claimToken: string
  readonly sourceName: string
  readonly rows: ConvertTarget
  readonly deadLetters: ConvertTarget
  readonly settings: ConvertSettings
}

export type ConvertReply =
  | { readonly kind: 'converted'; readonly result: TaskResult }
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly next: NextStep
      readonly message: string
      readonly details: Readonly<Record<string, string | number | bigint | boolean>>
    }
