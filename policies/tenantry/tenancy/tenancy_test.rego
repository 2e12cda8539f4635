package tenantry.tenancy_test

import data.tenantry.entry
import data.tenantry.testing

test_own_tenant_only if {
	foreign := object.union(testing.read, {"resource": {"tenant": testing.globex}, "tenant": {"id": testing.globex}})
	entry.answer == testing.denied("TENANT_MISMATCH") with input as foreign
}

test_status_of_own_tenant if {
	reasons := {
		"suspended": "TENANT_SUSPENDED",
		"provisioning": "TENANT_NOT_READY",
		"deleted": "TENANT_MISMATCH",
		"unknown": "TENANT_MISMATCH",
	}
	every status, reason in reasons {
		call := object.union(testing.read, {"subject": {"tenant_status": status}, "tenant": {"status": status}})
		entry.answer == testing.denied(reason) with input as call
	}
}

test_a_subject_names_no_tenant if {
	every tenant in ["", null, false] {
		call := object.union(testing.read, {"resource": {"tenant": tenant}, "subject": {"tenant": tenant}})
		entry.answer.allow == false with input as object.union(call, {"resource": {"tenant": tenant}, "subject": {"tenant": testing.acme}})
	}
}
