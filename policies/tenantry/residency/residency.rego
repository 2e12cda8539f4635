# A tenant's calls are served in its home region.
package tenantry.residency

import data.tenantry.operators

admitted if {
	input.subject.region == input.context.region
	here
}

here if input.tenant.region == input.context.region

# Nothing is known of the tenant that is named, or none is named: `tenancy` decides about that.
here if input.tenant.status == "unknown"

here if input.resource.tenant == ""

# WRONG_REGION only to a token of that tenant. To anyone else a tenant of another region is absent.
denial := "WRONG_REGION" if {
	input.resource.tenant in {"", input.subject.tenant}
} else := "TENANT_UNKNOWN" if {
	"operator" in input.context.callers
	operators.operator
} else := "TENANT_MISMATCH"
