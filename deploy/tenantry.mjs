#!/usr/bin/env node
// The package's bin: builds if the bundle is stale, then runs the command line.
import { build } from './build.mjs'

await build()
await import('../dist/services/cli/main.js')
