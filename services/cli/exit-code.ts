/** `changes`: only where asked for, by `plan --exit-code`. */
export const EXIT = { done: 0, failed: 1, usage: 2, changes: 3 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
