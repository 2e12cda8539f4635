# Permissions: what the roles that the subject holds for this resource give. A permission is an action, may end in `*`, and with `_own`
# at its end holds for what the subject owns.
package tenantry.rbac

admitted if {
	granted
	plain
}

# By the permission itself,
granted if holds(input.action)

# or by the permission for one's own, where the row decides: the first decision comes before the row is known,
granted if {
	"owner" in input.context.row_facts
	input.context.with_row == false
	holds(own_action)
}

# the second with it,
granted if {
	owns
	holds(own_action)
}

# and of a list the caller gets only those (see obligations),
granted if filtered

# or because everyone may with what is theirs: sessions, the password,
granted if {
	everyones
	input.context.with_row == false
}

granted if {
	everyones
	owns
}

# or about themselves.
granted if {
	own_tenant
	rule := data.tenantry.rbac.about_self[input.action]
	about(rule) in array.concat([input.subject.id], rule.empty)
}

about(rule) := input.resource.id if rule.path == "resource"

about(rule) := input.resource.attributes[rule.path] if rule.path != "resource"

own_action := concat("", [input.action, "_own"]) if input.action != ""

own_tenant if input.subject.tenant == input.resource.tenant

owns if {
	input.context.with_row == true
	input.resource.owner == input.subject.id
}

everyones if {
	own_tenant
	input.action in data.tenantry.rbac.everyones_own
}

# A list that shows the subject's own rows only.
filtered if {
	input.action in data.tenantry.rbac.lists
	holds(own_action)
}

# Some arguments ask for more than the action: the permission that data.json names beside them.
plain if {
	is_string(input.action)
	not data.tenantry.rbac.more[input.action]
}

plain if {
	rule := data.tenantry.rbac.more[input.action]
	input.resource.attributes[rule.attribute] in rule.unless
}

plain if holds(data.tenantry.rbac.more[input.action].permission)

# Whether a permission that covers the action is held.
holds(action) if {
	is_string(action)
	some held in input.subject.permissions
	covers(held, action)
}

covers(held, action) if held == action

covers("*", action) if action != ""

covers(held, action) if {
	endswith(held, ".*")
	startswith(action, trim_suffix(held, "*"))
}

denial := "NOT_OWNER" if {
	input.context.with_row == true
	not owns
	owner_decides
} else := "MISSING_PERMISSION"

owner_decides if everyones

owner_decides if holds(own_action)
