# Which tenant is acted on: the subject's own and it is active, or any that is known for an operator where the method admits one.
# A tenant that is absent is answered as one that is another's.
package tenantry.tenancy

import data.tenantry.operators

admitted if {
	home_active
	own
}

admitted if {
	home_active
	operated
}

# The subject's own tenant serves. The platform's cannot be suspended.
home_active if input.subject.tenant_status == "active"

home_active if operators.operator

own if {
	"subject" in input.context.callers
	input.resource.tenant == input.subject.tenant
}

operated if {
	"operator" in input.context.callers
	operators.operator
	reachable
}

reachable if {
	input.tenant.id == input.resource.tenant
	input.tenant.status in {"provisioning", "active", "suspended"}
}

reachable if input.resource.tenant == data.tenantry.operators.platform_tenant

# A method of the platform names no tenant.
reachable if {
	input.resource.tenant == ""
	not "tenant" in object.keys(input)
}

denial := "TENANT_SUSPENDED" if {
	input.subject.tenant_status == "suspended"
	not operators.operator
} else := "TENANT_NOT_READY" if {
	input.subject.tenant_status == "provisioning"
	not operators.operator
} else := "TENANT_UNKNOWN" if {
	"operator" in input.context.callers
	operators.operator
} else := "TENANT_MISMATCH"
