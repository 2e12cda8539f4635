# The one rule that the platform asks. It allows only when every package says yes in so many words: a check that is undefined, because an
# input is missing or of another type, is a no. The reason is worked out apart, so that a wrong reason can never allow.
package tenantry.entry

import data.tenantry.callers
import data.tenantry.classification
import data.tenantry.obligations
import data.tenantry.operators
import data.tenantry.rbac
import data.tenantry.residency
import data.tenantry.subject
import data.tenantry.tenancy
import data.tenantry.workload

default answer := {"allow": false, "reason": "DENIED_BY_DEFAULT", "obligations": {}}

answer := {"allow": true, "reason": "", "obligations": obligations.answer} if {
	permitted
} else := {"allow": false, "reason": reason, "obligations": {}}

# A subject, through a workload that may carry its token.
permitted if {
	workload.admitted
	callers.subject
	subject.held
	residency.admitted
	subject.active
	tenancy.admitted
	operators.admitted
	rbac.admitted
	classification.admitted
}

# Anyone, without a token.
permitted if {
	workload.admitted
	callers.anonymous
}

# A workload on its own account.
permitted if {
	workload.admitted
	callers.workload
	workload.allowed
}

# The first check that fails, outermost first.
reason := workload.denial if {
	not workload.admitted
} else := callers.denial if {
	not callers.admitted
} else := subject.denial if {
	not subject.held
} else := residency.denial if {
	not residency.admitted
} else := subject.inactive if {
	not subject.active
} else := tenancy.denial if {
	not tenancy.admitted
} else := operators.denial if {
	not operators.admitted
} else := rbac.denial if {
	not rbac.admitted
} else := classification.denial if {
	not classification.admitted
}
