#!/usr/bin/env node
// Starts Tidewater, and says which Node it needs when this one is too old. Plain JavaScript without newer syntax, so that an old Node
// gets as far as the message. A clone has main.ts beside this file, which Node 24 runs as it is; the package has it compiled, in dist/.

import { existsSync } from 'node:fs'

const NEEDED_MAJOR = 24

if (Number(process.versions.node.split('.')[0]) < NEEDED_MAJOR) {
  const found = `${process.versions.node} (${process.execPath})`
  console.error(`tidewater: Node ${NEEDED_MAJOR} or later is needed, and this is Node ${found}.`)
  process.exit(2)
}

// node:sqlite does what its documentation says, but warns at first use that it is experimental. Every other warning is shown.
const emitWarning = process.emitWarning
process.emitWarning = (warning, ...rest) => {
  const isExperimental =
    rest[0] === 'ExperimentalWarning' || (rest[0] && rest[0].type === 'ExperimentalWarning')
  if (isExperimental && String(warning).startsWith('SQLite')) return
  emitWarning.call(process, warning, ...rest)
}

const source = new URL('./main.ts', import.meta.url)
const compiled = new URL('../../dist/services/cli/main.js', import.meta.url)
import(existsSync(source) ? source.href : compiled.href)
