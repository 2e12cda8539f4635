import { serviceMain } from '../platform/runtime/service-main.js'
import { VERSION } from '../platform/runtime/version.js'
import { identity } from './assembly.js'

await serviceMain(identity, { env: process.env, exit: process.exit.bind(process), version: VERSION })
