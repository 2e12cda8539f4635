package tenantry.workload_test

import data.tenantry.entry
import data.tenantry.testing
import data.tenantry.workload

through(call, peer) := object.union(object.remove(call, ["workload"]), {"workload": peer})

test_every_service_renews_facts if {
	every service in ["identity", "tenant", "data", "policy", "audit", "gateway"] {
		entry.answer.allow with input as object.union(testing.renew, {"workload": {"service": service}})
	}
}

test_only_tenant_prepares_tenants if {
	prepare := object.union(testing.renew, {"action": "platform.tenancy.prepare"})
	entry.answer.allow with input as object.union(prepare, {"workload": {"service": "tenant"}})
	every service in ["identity", "data", "policy", "audit", "gateway", "tenants", ""] {
		call := object.union(prepare, {"workload": {"service": service}})
		entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as call
	}
}

test_machine_does_nothing_on_its_own_account_but_what_is_listed if {
	machine := testing.machine(testing.acme)
	entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as through(testing.renew, machine)
	reflection := object.union(testing.renew, {"action": "platform.reflection.read"})
	entry.answer.allow with input as through(reflection, machine)
}

test_unlisted_action_is_denied if {
	call := object.union(testing.renew, {"action": "platform.something.else"})
	entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as call
}

test_token_does_not_open_what_is_for_workloads if {
	call := object.union(testing.renew, {"subject": testing.read.subject})
	entry.answer == testing.denied("CALLER_NOT_ALLOWED") with input as call
}

test_neither_service_nor_machine if {
	nobody := {"spiffe_id": "spiffe://tenantry.local/x", "region": "local"}
	every call in [testing.read, testing.renew, testing.login] {
		entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as through(call, nobody)
	}
}

test_another_region if {
	foreign := object.union(testing.gateway, {"region": "elsewhere"})
	entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as through(testing.read, foreign)
	entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as through(testing.renew, foreign)
}

test_foreign_gateway_relays_logins_alone if {
	foreign := object.union(testing.gateway, {"region": "elsewhere"})
	entry.answer.allow with input as through(testing.login, foreign)
	refresh := object.union(testing.login, {"action": "identity.session.refresh"})
	entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as through(refresh, foreign)
	service := object.union(foreign, {"service": "data"})
	entry.answer == testing.denied("WORKLOAD_NOT_ALLOWED") with input as through(testing.login, service)
}

test_machine_carries_tokens_of_its_own_tenant_only if {
	entry.answer.allow with input as through(testing.read, testing.machine(testing.acme))
	call := through(testing.read, testing.machine(testing.globex))
	entry.answer == testing.denied("WORKLOAD_TENANT_MISMATCH") with input as call
	not workload.carries with input as {"workload": {"tenant": "", "service": ""}, "subject": {"tenant": ""}}
}
