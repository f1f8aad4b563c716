package chat

import (
	"context"

	"pushd/internal/delivery"
)

// MemberSource tells nodes who is in stored groups.
type MemberSource struct{ store Memberships }

var _ delivery.MemberSource = (*MemberSource)(nil)

// NewMemberSource makes one over a store.
func NewMemberSource(store Memberships) *MemberSource { return &MemberSource{store} }

// Members implements delivery.MemberSource.
func (m *MemberSource) Members(ctx context.Context, group string) (users []string, revision uint64, err error) {
	users, err = m.store.MemberIDs(ctx, group)
	return users, 0, err
}
