#!/usr/bin/env node
import { main } from './command-line.js'
import { processIo } from './io.js'

// The program `teasel`. Nothing is exported.

process.exitCode = await main(process.argv.slice(2), processIo())
