/** A row of pool.tenant. */
export interface TenantRow {
  tenant_id: string
  version: string
  slug: string
  display_name: string
  status: 'provisioning' | 'active' | 'suspended'
  tier: 'standard' | 'premium'
  placement: 'pool' | 'schema'
  region: string
  public_key: Buffer | null
  public_key_id: string | null
  create_time: Date
  update_time: Date
}

export interface StepRow {
  name: string
  done: boolean
  percent: number
}

/** A row of pool.operation. */
export interface OperationRow {
  tenant_id: string
  operation_id: string
  version: string
  type: string
  target: string
  initiator: string
  done: boolean
  steps: StepRow[]
  error_reason: string | null
  error_message: string | null
  attempts: number
  create_time: Date
  update_time: Date
}
