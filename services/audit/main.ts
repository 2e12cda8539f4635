import { serviceMain } from '../platform/runtime/service-main.js'
import { VERSION } from '../platform/runtime/version.js'
import { audit } from './assembly.js'

await serviceMain(audit, { env: process.env, exit: process.exit.bind(process), version: VERSION })
