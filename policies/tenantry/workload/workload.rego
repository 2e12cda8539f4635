# The peer of the connection, by its certificate: a service (/region/<r>/svc/<service>) or a machine of one tenant
# (/region/<r>/tenant/<id>/sa/<id>).
package tenantry.workload

# Of this region, and of one of the two kinds.
admitted if {
	input.workload.region == input.context.region
	service
}

admitted if {
	input.workload.region == input.context.region
	machine
}

# A gateway of another region relays what data.json lists for it.
admitted if input.workload.service in data.tenantry.workload.foreign[input.action]

service if {
	is_string(input.workload.service)
	input.workload.service != ""
}

machine if {
	is_string(input.workload.tenant)
	input.workload.tenant != ""
}

# May it do the action without a token? data.json says who may what.
allowed if input.workload.service in data.tenantry.workload.allow[input.action]

allowed if {
	machine
	input.action in data.tenantry.workload.machines
}

# May it carry the token? A service any, a machine those of its own tenant.
carries if service

carries if {
	machine
	input.workload.tenant == input.subject.tenant
}

# May it pass on a token that is bound to another certificate?
forwards if input.workload.service in data.tenantry.workload.may_forward

denial := "WORKLOAD_NOT_ALLOWED"
