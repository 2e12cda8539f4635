package tenantry.subject_test

import data.tenantry.entry
import data.tenantry.testing

with_subject(parts) := object.union(testing.read, {"subject": parts})

test_status if {
	every status in ["suspended", "deleted", "unknown", "", "ACTIVE", null, true, ["active"]] {
		entry.answer == testing.denied("SUBJECT_SUSPENDED") with input as with_subject({"status": status})
	}
	entry.answer == testing.denied("SESSION_REVOKED") with input as with_subject({"status": "revoked"})
}

test_binding if {
	entry.answer.allow with input as with_subject({"binding": "matched"})
	entry.answer.allow with input as with_subject({"binding": "forwarded"})
	entry.answer == testing.denied("BOUND_TOKEN_MISMATCH") with input as with_subject({"binding": "mismatched"})
	entry.answer == testing.denied("BOUND_TOKEN_MISMATCH") with input as with_subject({"binding": null})
}

test_forwarded_by_one_that_may_not if {
	stranger := object.union(with_subject({"binding": "forwarded"}), {"workload": {"service": "billing"}})
	entry.answer == testing.denied("TOKEN_NOT_FORWARDABLE") with input as stranger
	unbound := object.union(stranger, {"subject": {"binding": "none"}})
	entry.answer.allow with input as unbound
}
