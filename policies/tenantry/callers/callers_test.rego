package tenantry.callers_test

import data.tenantry.entry
import data.tenantry.testing

without_token := object.remove(testing.read, ["subject"])

test_token_missing if {
	entry.answer == testing.denied("TOKEN_MISSING") with input as without_token
	either := object.union(without_token, {"context": {"callers": ["subject", "workload"]}})
	entry.answer == testing.denied("TOKEN_MISSING") with input as either
}

test_workload_beside_subject if {
	call := object.union(testing.renew, {"action": "policy.decision.check", "context": {"callers": ["subject", "workload"]}})
	entry.answer.allow with input as call
}

test_nobody_may_knock if {
	entry.answer.allow == false with input as object.union(testing.read, {"context": {"callers": []}})
	entry.answer.allow == false with input as object.union(without_token, {"context": {"callers": []}})
}

# A subject that is null is no anonymous call.
test_null_subject_is_a_subject if {
	entry.answer == testing.denied("CALLER_NOT_ALLOWED") with input as object.union(testing.login, {"subject": null})
	entry.answer == testing.denied("CALLER_NOT_ALLOWED") with input as object.union(testing.renew, {"subject": false})
}

test_operators_only if {
	call := object.union(testing.read, {"context": {"callers": ["operator"]}})
	entry.answer == testing.denied("CALLER_NOT_ALLOWED") with input as call
}
