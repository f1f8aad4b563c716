package chat

import (
	"context"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// MemberSource tells nodes who is in stored groups.
type MemberSource struct{ store Memberships }

var _ delivery.MemberSource = (*MemberSource)(nil)

// NewMemberSource makes one over a store.
func NewMemberSource(store Memberships) *MemberSource { return &MemberSource{store} }

// Members implements delivery.MemberSource.
func (m *MemberSource) Members(ctx context.Context, group string) (users []string, revision uint64, err error) {
	return m.store.MemberIDs(ctx, group)
}

// changeMembers makes a change of a group's members, and tells those who hold them and
// those who subscribe.
func (s *Service) changeMembers(
	event MembersChanged, change func() (delivery.MemberChange, error),
) (delivery.MemberChange, error) {
	c, err := change()
	switch {
	case err == nil:
		if c.Revision != 0 {
			s.members.MembersChanged(c)
			event.MemberChange = c
			s.events.membersChanged(event)
		}
	case codec.AsError(err).Code >= codec.CodeInternal:
		// It may have been done all the same: who sends next reads the members again.
		s.members.MembersChanged(delivery.MemberChange{Group: event.Group})
	}
	return c, err
}
