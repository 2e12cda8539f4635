# Operators: subjects of the platform tenant. They reach other tenants only through methods that say so.
package tenantry.operators

operator if input.subject.tenant == data.tenantry.operators.platform_tenant

# The platform's own tenant is out of reach for some acts.
admitted if {
	is_string(input.action)
	not input.action in data.tenantry.operators.protected
}

admitted if {
	is_string(input.resource.tenant)
	input.resource.tenant != data.tenantry.operators.platform_tenant
}

denial := "PROTECTED_TENANT"
