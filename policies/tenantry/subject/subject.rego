# Whom the token speaks for, and whether it is in hands that may hold it.
package tenantry.subject

import data.tenantry.workload

# The token came from a workload that may carry it, and over the certificate that it is bound to.
held if {
	workload.carries
	bound
}

bound if input.subject.binding in {"none", "matched"}

bound if {
	input.subject.binding == "forwarded"
	workload.forwards
}

denial := "WORKLOAD_TENANT_MISMATCH" if {
	not workload.carries
} else := "TOKEN_NOT_FORWARDABLE" if {
	input.subject.binding == "forwarded"
} else := "BOUND_TOKEN_MISMATCH"

# "revoked" is said of a subject whose session was: it is of this call, the others are of the subject.
active if input.subject.status == "active"

inactive := "SESSION_REVOKED" if {
	input.subject.status == "revoked"
} else := "SUBJECT_SUSPENDED"
