package api

import (
	"context"

	"pushd/internal/account"
)

// GroupAdmin is the groups of a server as backends know them: a name and its users.
// *chat.GroupAdmin has those of a store, which are then the users' groups too, and
// *push.GroupAdmin those of a server without one. Each checks the scope and what it is
// given, and logs what was refused and changed.
type GroupAdmin interface {
	// SetGroup creates or replaces a group, and returns its size. 429 over a bound.
	SetGroup(ctx context.Context, id account.Identity, group string, users []string) (size int, err error)
	// AddOnline adds everybody who is online to a group, creating it, and returns its
	// size. 429 over a bound.
	AddOnline(ctx context.Context, id account.Identity, group string) (size int, err error)
	// GroupUsers are the members in ascending order; 404 when there is no such group.
	GroupUsers(ctx context.Context, id account.Identity, group string) (users []string, err error)
	// DeleteGroup is 404 when there is no such group.
	DeleteGroup(ctx context.Context, id account.Identity, group string) error
}

// groupName names a group.
type groupName struct {
	Group string `json:"group"`
}

// groupUsers is a group and all of its members.
type groupUsers struct {
	Group string   `json:"-"` // stands in the path
	Users []string `json:"users"`
}

// groupSize tells how many members a group has.
type groupSize struct {
	Group string `json:"group"`
	Size  int    `json:"size"`
}

// groupMembers lists the members of a group in ascending order.
type groupMembers struct {
	Group string   `json:"group"`
	Size  int      `json:"size"`
	Users []string `json:"users"`
}

// groupAdminRoutes is what backends do with groups as a whole, with a store and
// without.
func groupAdminRoutes(g GroupAdmin) []route {
	addOnline := func(ctx context.Context, id account.Identity, r groupName) (groupSize, error) {
		size, err := g.AddOnline(ctx, id, r.Group)
		return groupSize{r.Group, size}, err
	}
	set := func(ctx context.Context, id account.Identity, r groupUsers) (groupSize, error) {
		size, err := g.SetGroup(ctx, id, r.Group, r.Users)
		return groupSize{r.Group, size}, err
	}
	users := func(ctx context.Context, id account.Identity, r groupName) (groupMembers, error) {
		users, err := g.GroupUsers(ctx, id, r.Group)
		if users == nil {
			users = []string{} // encodes as []
		}
		return groupMembers{r.Group, len(users), users}, err
	}
	deleteGroup := func(ctx context.Context, id account.Identity, r groupName) (struct{}, error) {
		return struct{}{}, g.DeleteGroup(ctx, id, r.Group)
	}
	return []route{
		{method: "POST", path: "/api/groups/from-online", handle: call(jsonBody, addOnline), logged: true},
		{method: "PUT", path: "/api/groups/{group}", handle: call(groupBody, set), logged: true},
		{method: "GET", path: "/api/groups/{group}", handle: call(groupParam, users), logged: true},
		{method: "DELETE", path: "/api/groups/{group}", handle: call(groupParam, deleteGroup), logged: true},
	}
}

func groupParam(r *request, v *groupName) error {
	v.Group = r.params[0]
	return noParameters(r, v)
}

// groupBody takes the group from the path, so the body has only its users.
func groupBody(r *request, v *groupUsers) error {
	err := decodeBody(r, v)
	v.Group = r.params[0]
	return err
}
