package gateway

import (
	"context"
	"errors"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/hub"
	"pushd/internal/push"
)

// Gateway is what push needs of a node.
var (
	_ push.Deliverer = (*Gateway)(nil)
	_ push.Directory = (*Gateway)(nil)
	_ push.Topics    = (*Gateway)(nil)
	_ push.Groups    = (*Gateway)(nil)
)

// Deliver implements push.Deliverer.
func (g *Gateway) Deliver(ctx context.Context, to push.Target, frame codec.Frame) (push.Receipt, error) {
	if g.chat != nil && len(to.Groups) > 0 {
		// Their members are in the store, and may not have been asked for yet.
		if err := g.chat.LoadGroups(ctx, to.Groups); err != nil {
			return push.Receipt{}, err
		}
	}
	t := hub.Target{Everyone: to.Everyone, Users: to.Users, Groups: to.Groups, Topics: to.Topics}
	var err error
	if t.Filter.Platforms, err = g.platformMask(to.Platforms); err != nil {
		return push.Receipt{}, err
	}
	if to.Except != "" {
		if t.Filter.Except, err = sessionID(to.Except); err != nil {
			return push.Receipt{}, err
		}
	}
	for _, text := range to.Sessions {
		id, err := sessionID(text)
		if err != nil {
			return push.Receipt{}, err
		}
		t.Sessions = append(t.Sessions, id)
	}
	r, err := g.hub.Deliver(t, frame)
	return push.Receipt{Sessions: r.Sessions, Users: r.Users, Offline: r.Offline}, g.busy(err)
}

// busy is what the hub's refusal to take a delivery means to whoever asked for it.
func (g *Gateway) busy(err error) error {
	if errors.Is(err, hub.ErrBusy) {
		g.metrics.Fault("delivery_busy")
		return codec.Errorf(codec.CodeUnavailable, "the server is busy: part of the receivers will not get this")
	}
	return err
}

func (g *Gateway) platformMask(names []string) (mask uint64, err error) {
	for _, name := range names {
		p, err := g.platforms.Parse(name)
		if err != nil {
			return 0, err
		}
		mask |= 1 << p
	}
	return mask, nil
}

func (g *Gateway) platformNames(mask uint64) []string {
	names := []string{}
	for p := account.Platform(0); p <= account.MaxPlatform; p++ {
		if mask>>p&1 == 1 {
			names = append(names, g.platforms.Name(p))
		}
	}
	return names
}

func sessionID(text string) (uint64, error) {
	id, err := hub.ParseID(text)
	if err != nil {
		return 0, codec.Errorf(codec.CodeMalformed, "%.40q is not a session id", text)
	}
	return id, nil
}

// withSession runs f for a logged-in session, on its loop.
func (g *Gateway) withSession(ctx context.Context, session string, f func(*Session) error) error {
	gone := codec.Errorf(codec.CodeNotFound, "no such session")
	id, err := sessionID(session)
	if err != nil {
		return err
	}
	// The usual caller is the session itself.
	if s, _ := ctx.Value(sessionKey{}).(*Session); s != nil && s.login.Is(id) {
		return f(s)
	}
	entry, ok := g.hub.Lookup(id)
	if !ok {
		return gone
	}
	found := error(gone)
	err = g.each(ctx, []hub.Entry{entry}, func(s *Session) { found = f(s) })
	if err != nil {
		return err
	}
	return found
}

// SetGroup implements push.Groups.
func (g *Gateway) SetGroup(_ context.Context, group string, users []string) error {
	return groupError(g.hub.SetGroup(group, users))
}

// AddOnline implements push.Groups.
func (g *Gateway) AddOnline(_ context.Context, group string) (int, error) {
	n, err := g.hub.AddOnline(group)
	return n, groupError(err)
}

// Group implements push.Groups.
func (g *Gateway) Group(_ context.Context, group string) ([]string, bool, error) {
	users, ok := g.hub.Group(group)
	return users, ok, nil
}

// DeleteGroup implements push.Groups.
func (g *Gateway) DeleteGroup(_ context.Context, group string) (bool, error) {
	return g.hub.DeleteGroup(group), nil
}

func groupError(err error) error {
	switch {
	case errors.Is(err, hub.ErrGroupName):
		return codec.Errorf(codec.CodeMalformed, "a group's name has 1 to %d bytes", hub.MaxTopicName)
	case errors.Is(err, hub.ErrGroupFull):
		return codec.Errorf(codec.CodeTooMany, "too many members for one group")
	case errors.Is(err, hub.ErrGroupsFull):
		return codec.Errorf(codec.CodeTooMany, "too many groups")
	}
	return err
}
