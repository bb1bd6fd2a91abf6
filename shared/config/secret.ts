/** A value that must not show: printing, logging or serializing it gives a placeholder; only `reveal` gives the text. */
import { inspect } from 'node:util'

const PLACEHOLDER = '[secret]'

export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** For the client that signs requests with it, and nothing else. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return PLACEHOLDER
  }

  toJSON(): string {
    return PLACEHOLDER
  }

  [inspect.custom](): string {
    return PLACEHOLDER
  }
}
