package gateway

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/hub"
	"pushd/internal/push"
)

// Counts implements push.Directory.
func (g *Gateway) Counts() push.Counts {
	c := g.hub.Counts()
	counts := push.Counts{
		Connections: int(g.metrics.Connections()),
		Sessions:    c.Sessions,
		Users:       c.Users,
		Platforms:   make(map[string]int),
	}
	for p, n := range c.Platforms {
		if n > 0 {
			counts.Platforms[g.platforms.Name(account.Platform(p))] = n
		}
	}
	counts.Nodes = []push.NodeCounts{{Name: g.opts.Node, Connections: counts.Connections, Sessions: counts.Sessions}}
	return counts
}

// OnlineUsers implements push.Directory.
func (g *Gateway) OnlineUsers(platform string, limit int, cursor string) ([]push.OnlineUser, string, error) {
	var mask uint64
	if platform != "" {
		p, err := g.platforms.Parse(platform)
		if err != nil {
			return nil, "", err
		}
		mask = 1 << p
	}
	list, next, err := g.hub.OnlineUsers(mask, limit, cursor)
	if errors.Is(err, hub.ErrCursor) {
		return nil, "", codec.Errorf(codec.CodeMalformed, "the cursor is not one that this server gave")
	}
	users := make([]push.OnlineUser, len(list))
	for i, u := range list {
		users[i] = push.OnlineUser{User: u.User, Platforms: g.platformNames(u.Platforms)}
	}
	return users, next, err
}

// CheckUsers implements push.Directory.
func (g *Gateway) CheckUsers(users []string) []push.OnlineUser {
	online := []push.OnlineUser{}
	for _, u := range users {
		if mask := g.hub.UserPlatforms(u); mask != 0 {
			online = append(online, push.OnlineUser{User: u, Platforms: g.platformNames(mask)})
		}
	}
	return online
}

// UserSessions implements push.Directory. What only a loop knows of a session
// is asked of the loop.
func (g *Gateway) UserSessions(ctx context.Context, user string) ([]push.SessionInfo, error) {
	entries := g.hub.UserSessions(nil, user)
	found := make(chan push.SessionInfo, len(entries))
	if err := g.each(ctx, entries, func(s *Session) { found <- s.info() }); err != nil {
		return nil, err
	}
	close(found)
	sessions := []push.SessionInfo{}
	for info := range found {
		sessions = append(sessions, info)
	}
	return sessions, nil
}

func (s *Session) info() push.SessionInfo {
	stats, id := s.Stats(), s.identity()
	return push.SessionInfo{
		Session: id.Session, User: id.User, App: id.App, Device: id.Device,
		Platform: s.gateway.platforms.Name(id.Platform),
		Address:  s.Address().String(),
		Node:     s.gateway.opts.Node,
		Since:    int64(s.login.Since) * 1000,
		LastSeen: time.Now().Add(-stats.IdleFor).UnixMilli(),
		BytesIn:  stats.BytesIn, BytesOut: stats.BytesOut,
		MessagesIn: stats.MessagesIn, MessagesOut: stats.MessagesOut,
	}
}

// Kick implements push.Directory.
func (g *Gateway) Kick(ctx context.Context, user, platform, session, reason string) (int, error) {
	var entries []hub.Entry
	switch {
	case session != "":
		id, err := sessionID(session)
		if err != nil {
			return 0, err
		}
		if e, ok := g.hub.Lookup(id); ok {
			entries = append(entries, e)
		}
	case platform == "":
		entries = g.hub.UserSessions(nil, user)
	default:
		p, err := g.platforms.Parse(platform)
		if err != nil {
			return 0, err
		}
		for _, e := range g.hub.UserSessions(nil, user) {
			if e.Platform == uint8(p) {
				entries = append(entries, e)
			}
		}
	}
	if reason == "" {
		reason = "kicked"
	}
	var closed atomic.Int64
	err := g.each(ctx, entries, func(s *Session) {
		s.Close(closeKicked, reason, reasonKicked)
		closed.Add(1)
	})
	return int(closed.Load()), err
}

// post runs f for one session on its loop, if it is still the one that the
// entry describes. It is for the consequences of what a session did, so the
// sessions bound how many there are.
func (g *Gateway) post(e hub.Entry, f func(*Session)) bool {
	return g.server.Loop(int(e.Loop)).Complete(func() {
		call(e, f)
	})
}

// call runs f for the session of an entry if it is still the one that the entry
// describes. It runs on the session's loop.
func call(e hub.Entry, f func(*Session)) {
	if !e.Session.Is(e.ID) {
		return
	}
	if s, ok := e.Session.Conn.(*Session); ok { // the gateway registers no other
		f(s)
	}
}

// each runs f for each session on its loop, and waits for all of them.
func (g *Gateway) each(ctx context.Context, entries []hub.Entry, f func(*Session)) error {
	done := make(chan struct{}, len(entries))
	waiting := 0
	for _, e := range entries {
		if g.server.Loop(int(e.Loop)).Complete(func() {
			defer func() { done <- struct{}{} }()
			call(e, f)
		}) {
			waiting++
		}
	}
	for ; waiting > 0; waiting-- {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
