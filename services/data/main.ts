import { serviceMain } from '../platform/runtime/service-main.js'
import { VERSION } from '../platform/runtime/version.js'
import { data } from './assembly.js'

await serviceMain(data, { env: process.env, exit: process.exit.bind(process), version: VERSION })
