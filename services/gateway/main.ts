import { serviceMain } from '../platform/runtime/service-main.js'
import { VERSION } from '../platform/runtime/version.js'
import { gateway } from './assembly.js'

await serviceMain(gateway, { env: process.env, exit: process.exit.bind(process), version: VERSION })
