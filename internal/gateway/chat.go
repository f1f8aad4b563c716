package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/hub"
)

// Gateway is what chat needs to deliver.
var _ chat.Deliverer = (*Gateway)(nil)

// ToUsers implements chat.Deliverer.
func (g *Gateway) ToUsers(_ context.Context, users []string, except string, f codec.Frame) ([]string, error) {
	r, err := g.deliverExcept(hub.Target{Users: users}, except, f)
	// The hub means those who did not get it, and the sender is none of them.
	away := slices.DeleteFunc(r.Offline, func(u string) bool { return g.hub.UserPlatforms(u) != 0 })
	return away, err
}

// ToOneDevice implements chat.Deliverer. Only a session's loop knows when
// something was last heard from it.
func (g *Gateway) ToOneDevice(ctx context.Context, user string, f codec.Frame) (string, error) {
	entries := g.hub.UserSessions(nil, user)
	type heard struct {
		id   uint64
		idle time.Duration
	}
	found := make(chan heard, len(entries))
	if err := g.each(ctx, entries, func(s *Session) { found <- heard{s.login.ID, s.Stats().IdleFor} }); err != nil {
		return "", err
	}
	close(found)
	var sessions []heard
	for h := range found {
		sessions = append(sessions, h)
	}
	slices.SortFunc(sessions, func(a, b heard) int { return cmp.Compare(a.idle, b.idle) })
	for _, s := range sessions {
		r, err := g.hub.Deliver(hub.Target{Sessions: []uint64{s.id}}, f)
		if err != nil {
			return "", g.busy(err)
		}
		if r.Sessions > 0 { // it has not gone meanwhile
			return hub.FormatID(s.id), nil
		}
	}
	return "", nil
}

// ToGroup implements chat.Deliverer.
func (g *Gateway) ToGroup(_ context.Context, group, except string, f codec.Frame) error {
	if !g.hub.Loaded(group) {
		return codec.Errorf(codec.CodeUnavailable, "the group isn't loaded")
	}
	_, err := g.deliverExcept(hub.Target{Groups: []string{group}}, except, f)
	return err
}

// ToEveryone implements chat.Deliverer.
func (g *Gateway) ToEveryone(_ context.Context, f codec.Frame) error {
	_, err := g.deliverExcept(hub.Target{Everyone: true}, "", f)
	return err
}

func (g *Gateway) deliverExcept(to hub.Target, except string, f codec.Frame) (hub.Receipt, error) {
	if except != "" {
		id, err := sessionID(except)
		if err != nil {
			return hub.Receipt{}, err
		}
		to.Filter.Except = id
	}
	r, err := g.hub.Deliver(to, f)
	return r, g.busy(err)
}

// Loaded implements chat.Deliverer.
func (g *Gateway) Loaded(group string) bool { return g.hub.Loaded(group) }

// LoadGroup implements chat.Deliverer.
func (g *Gateway) LoadGroup(ctx context.Context, group string, read func() ([]string, error)) error {
	err := g.hub.LoadGroup(ctx, group, read)
	if errors.Is(err, hub.ErrGroupStale) {
		return codec.Errorf(codec.CodeUnavailable, "the group changes too fast to be loaded")
	}
	return groupError(err)
}

// JoinGroup implements chat.Deliverer.
func (g *Gateway) JoinGroup(group string, users ...string) { g.hub.JoinGroup(group, users...) }

// LeaveGroup implements chat.Deliverer.
func (g *Gateway) LeaveGroup(group string, users ...string) { g.hub.LeaveGroup(group, users...) }

// ForgetGroup implements chat.Deliverer.
func (g *Gateway) ForgetGroup(group string) { g.hub.ForgetGroup(group) }

// Online implements chat.Deliverer.
func (g *Gateway) Online(users []string) []string {
	var online []string
	for _, u := range users {
		if g.hub.UserPlatforms(u) != 0 {
			online = append(online, u)
		}
	}
	return online
}
