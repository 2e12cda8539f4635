import { serviceMain } from '../platform/runtime/service-main.js'
import { VERSION } from '../platform/runtime/version.js'
import { policy } from './assembly.js'

await serviceMain(policy, { env: process.env, exit: process.exit.bind(process), version: VERSION })
