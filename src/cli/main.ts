#!/usr/bin/env node
import { main } from './command-line.js'
import { processIo } from './io.js'

// The program `teasel`. Nothing is exported.

/** A run that only waits holds no process. */
const held = setInterval(() => {}, 1 << 30)
process.exitCode = await main(process.argv.slice(2), processIo())
clearInterval(held)
