package push

import (
	"context"
	"log/slog"

	"pushd/internal/account"
	"pushd/internal/delivery"
)

// OnlineLister lists everybody who is online, on all nodes.
type OnlineLister interface {
	// AllOnline is every user that is online, in ascending order; 429 when there are
	// more than most, and 503 (temporary) when a node that has to be asked doesn't
	// answer before ctx is done.
	AllOnline(ctx context.Context, most int) ([]string, error)
}

// GroupAdmin is how backends change groups in memory, with the scope admin. Where
// there is a store, package chat has the groups and does the same for them.
type GroupAdmin struct {
	groups *MemoryGroups
	online OnlineLister
	log    *slog.Logger
}

// NewGroupAdmin administers these groups. The log is slog.DiscardHandler if nil.
func NewGroupAdmin(groups *MemoryGroups, online OnlineLister, log *slog.Logger) *GroupAdmin {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &GroupAdmin{groups: groups, online: online, log: log}
}

// SetGroup creates or replaces a group, and returns its size. 429 over a bound on
// groups or members.
func (a *GroupAdmin) SetGroup(
	_ context.Context, id account.Identity, group string, users []string,
) (size int, err error) {
	if err := a.authorize(id, "group.set", group); err != nil {
		return 0, err
	}
	if users == nil {
		return 0, malformed("users is missing; an empty list makes an empty group")
	}
	if err := account.ValidUserIDs(users); err != nil {
		return 0, err
	}
	size, err = a.groups.Set(group, users)
	return size, a.audit("group.set", id, group, size, err)
}

// AddOnline adds everybody who is online to a group, creating it, and returns its
// size. 429 over a bound.
func (a *GroupAdmin) AddOnline(ctx context.Context, id account.Identity, group string) (size int, err error) {
	if err := a.authorize(id, "group.add_online", group); err != nil {
		return 0, err
	}
	online, err := a.online.AllOnline(ctx, a.groups.maxMembers)
	if err != nil {
		return 0, err
	}
	size, err = a.groups.Add(group, online)
	return size, a.audit("group.add_online", id, group, size, err)
}

// GroupUsers are the members in ascending order; 404 when there is no such group.
func (a *GroupAdmin) GroupUsers(ctx context.Context, id account.Identity, group string) ([]string, error) {
	if err := a.authorize(id, "group.get", group); err != nil {
		return nil, err
	}
	users, _, err := a.groups.Members(ctx, group)
	return users, err
}

// DeleteGroup forgets a group; 404 when there is none.
func (a *GroupAdmin) DeleteGroup(_ context.Context, id account.Identity, group string) error {
	if err := a.authorize(id, "group.delete", group); err != nil {
		return err
	}
	return a.audit("group.delete", id, group, 0, a.groups.Delete(group))
}

func (a *GroupAdmin) authorize(id account.Identity, operation, group string) error {
	if err := allow(a.log, id, account.ScopeAdmin, operation); err != nil {
		return err
	}
	return delivery.ValidName("group", group)
}

// audit logs a change, unless it failed, and returns the error.
func (a *GroupAdmin) audit(operation string, id account.Identity, group string, size int, err error) error {
	if err == nil {
		a.log.Info("group changed", slog.String("operation", operation), slog.String("key", id.Key),
			slog.String("group", group), slog.Int("size", size))
	}
	return err
}
