package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/hub"
)

// Deliver implements delivery.Deliverer.
func (n *Node) Deliver(ctx context.Context, to delivery.Target, frame codec.Frame) (delivery.Receipt, error) {
	t, err := n.target(ctx, to)
	if err != nil {
		return delivery.Receipt{}, err
	}
	if to.OneDevice {
		return n.deliverToOne(ctx, t, frame)
	}
	r, err := n.hub.Deliver(t, frame)
	return delivery.Receipt{Sessions: r.Sessions, Users: r.Users, Offline: r.Offline}, n.busy(err)
}

// target is what the hub is to reach: names become bits and ids, and groups their
// members. What is read here is used in the same step, so a group that is forgotten
// meanwhile is reached all the same.
func (n *Node) target(ctx context.Context, to delivery.Target) (t hub.Target, err error) {
	t = hub.Target{Everyone: to.Everyone, Users: to.Users, Topics: to.Topics, Order: to.Conversation}
	if t.Filter.Platforms, err = n.platformMask(to.Platforms); err != nil {
		return t, err
	}
	if to.Except != "" {
		if t.Filter.Except, err = sessionID(to.Except); err != nil {
			return t, err
		}
	}
	for _, text := range to.Sessions {
		id, err := sessionID(text)
		if err != nil {
			return t, err
		}
		t.Sessions = append(t.Sessions, id)
	}
	if len(to.Without) > 0 {
		t.Without = slices.Clone(to.Without)
		slices.Sort(t.Without)
	}
	if len(to.Groups) > 0 && !to.Everyone {
		t.Members, err = n.membersOf(ctx, to.Groups)
	}
	return t, err
}

// membersOf is the members of some groups, ascending and each once; never nil. A
// group that isn't there has none.
func (n *Node) membersOf(ctx context.Context, groups []string) ([]string, error) {
	all := []string{}
	if n.members == nil {
		return all, nil
	}
	for _, g := range groups {
		users, _, err := n.members.Members(ctx, g)
		switch {
		case err != nil && codec.AsError(err).Code == codec.CodeNotFound:
		case err != nil:
			return nil, fmt.Errorf("members of a group: %w", err)
		case len(groups) == 1:
			return notNil(users), nil
		default:
			all = append(all, users...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// deliverToOne reaches the session from which something was heard last. Only a
// session's loop knows when that was.
func (n *Node) deliverToOne(ctx context.Context, t hub.Target, frame codec.Frame) (delivery.Receipt, error) {
	if len(t.Users) != 1 || t.Members != nil || t.Everyone || len(t.Topics)+len(t.Sessions) > 0 {
		return delivery.Receipt{}, codec.Errorf(codec.CodeMalformed, "one device is that of one user: name one, and nothing else")
	}
	if slices.Contains(t.Without, t.Users[0]) {
		return delivery.Receipt{}, nil
	}
	var entries []hub.Entry
	exceptHere := false
	for _, e := range n.hub.UserSessions(nil, t.Users[0]) {
		switch {
		case !t.Filter.Admits(e.Platform):
		case e.ID == t.Filter.Except:
			exceptHere = true
		default:
			entries = append(entries, e)
		}
	}
	type heard struct {
		id   uint64
		idle time.Duration
	}
	found := make(chan heard, len(entries))
	if err := n.each(ctx, entries, func(s *Session) { found <- heard{s.login.ID, s.Stats().IdleFor} }); err != nil {
		return delivery.Receipt{}, err
	}
	close(found)
	var sessions []heard
	for h := range found {
		sessions = append(sessions, h)
	}
	slices.SortFunc(sessions, func(a, b heard) int { return cmp.Compare(a.idle, b.idle) })
	for _, s := range sessions {
		r, err := n.hub.Deliver(hub.Target{Sessions: []uint64{s.id}, Order: t.Order}, frame)
		if err != nil {
			return delivery.Receipt{}, n.busy(err)
		}
		if r.Sessions > 0 { // it has not gone meanwhile
			return delivery.Receipt{Sessions: 1, Users: 1, Session: hub.FormatID(s.id)}, nil
		}
	}
	if exceptHere {
		return delivery.Receipt{}, nil
	}
	return delivery.Receipt{Offline: t.Users}, nil
}

// busy is what the hub's refusal to take a delivery means to whoever asked for it.
func (n *Node) busy(err error) error {
	if errors.Is(err, hub.ErrBusy) {
		n.metrics.Fault("delivery_busy")
		return codec.Errorf(codec.CodeUnavailable, "the server is busy: part of the receivers will not get this")
	}
	return err
}

func (n *Node) platformMask(names []string) (mask uint64, err error) {
	for _, name := range names {
		p, err := n.platforms.Parse(name)
		if err != nil {
			return 0, err
		}
		mask |= 1 << p
	}
	return mask, nil
}

func (n *Node) platformNames(mask uint64) []string {
	names := []string{}
	for p := account.Platform(0); p <= account.MaxPlatform; p++ {
		if mask>>p&1 == 1 {
			names = append(names, n.platforms.Name(p))
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

// notNil makes an empty list of nil, where nil means something else.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
