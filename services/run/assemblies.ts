import { audit } from '../audit/assembly.js'
import { data } from '../data/assembly.js'
import { gateway } from '../gateway/assembly.js'
import { identity } from '../identity/assembly.js'
import { policy } from '../policy/assembly.js'
import { tenant } from '../tenant/assembly.js'
import type { ServiceAssembly } from '../platform/runtime/service.js'

/** Every service of the platform. One more is a line here, one in platform/runtime/endpoints.ts, and its database in platform/postgres/provisioner.ts. */
export const ASSEMBLIES: readonly ServiceAssembly[] = [identity, tenant, data, policy, audit, gateway]
