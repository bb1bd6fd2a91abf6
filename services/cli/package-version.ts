import { readFileSync } from 'node:fs'

/** From here: in a clone, and in the package, where this file is below `dist/`. */
const PLACES = ['../../package.json', '../../../package.json']

/** From the package's own package.json. */
export function packageVersion(): string {
  for (const path of PLACES) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
      if (name === 'tidewater') return String(version)
    } catch {
      // Not at this depth.
    }
  }
  return 'unknown'
}
