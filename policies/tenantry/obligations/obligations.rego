# What the service must do when the answer is yes. One that the platform does not know makes it refuse.
package tenantry.obligations

import data.tenantry.classification
import data.tenantry.rbac

answer := object.union(class_limit, row_filter)

# A list leaves out rows above the subject's clearance,
class_limit := {"max_classification": classification.clearance} if {
	input.action in data.tenantry.rbac.lists
	classification.clearance != "restricted"
} else := {}

# and rows of others, where the permission is for one's own.
row_filter := {"row_filter": {"owner": input.subject.id}} if {
	rbac.filtered
	not rbac.holds(input.action)
} else := {}
