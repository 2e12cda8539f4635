import { serviceMain } from '../platform/runtime/service-main.js'
import { VERSION } from '../platform/runtime/version.js'
import { tenant } from './assembly.js'

await serviceMain(tenant, { env: process.env, exit: process.exit.bind(process), version: VERSION })
