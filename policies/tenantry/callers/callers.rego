# Who knocks, and whether the method's option opens to them (context.callers).
package tenantry.callers

# Whether a token came along. By the key, not by its value: a subject that is null is no anonymous call.
token if "subject" in object.keys(input)

anonymous if {
	"anonymous" in input.context.callers
	not token
}

workload if {
	"workload" in input.context.callers
	not token
}

# A subject of the tenant that the request names, or an operator: `tenancy` says of which tenant.
subject if {
	"subject" in input.context.callers
	token
}

subject if {
	"operator" in input.context.callers
	data.tenantry.operators.operator
}

admitted if anonymous

admitted if {
	workload
	data.tenantry.workload.allowed
}

admitted if subject

denial := "CALLER_NOT_ALLOWED" if {
	token
} else := "TOKEN_MISSING" if {
	some caller in input.context.callers
	caller in {"subject", "operator"}
} else := "WORKLOAD_NOT_ALLOWED"
