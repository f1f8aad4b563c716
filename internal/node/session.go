package node

import (
	"context"
	"strings"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/hub"
	"pushd/internal/poller"
	"pushd/internal/push"
)

// Session is one connection and, once logged in, one entry of the directory. A
// door embeds it in its own session, so that all of it is one allocation: a million
// of them is what the server is for. Everything in it is owned by the connection's
// loop.
type Session struct {
	poller.Conn
	login   hub.Session
	details *details // nil when there are none, as with most clients
}

// details are what only some logins have. They don't change once made.
type details struct {
	device string // the client's own name for its device
	grant  string // what the token belongs to: its jti, where that is the server's own
}

// LoggedIn reports whether the session is in the directory, or was until another
// login replaced it.
func (s *Session) LoggedIn() bool { return s.login.Live() }

// ID is the session's id as clients know it.
func (s *Session) ID() string { return hub.FormatID(s.login.ID) }

// User is who the session belongs to.
func (s *Session) User() string { return s.login.User }

// Platform is where it was logged in.
func (s *Session) Platform() account.Platform { return account.Platform(s.login.Platform) }

// Device is what the client calls its device; "" when it named none.
func (s *Session) Device() string {
	if s.details == nil {
		return ""
	}
	return s.details.device
}

// Grant is what its token belongs to; "" when it names none that is known here.
func (s *Session) Grant() string {
	if s.details == nil {
		return ""
	}
	return s.details.grant
}

// SetDetails says what a login named beside its user.
func (s *Session) SetDetails(device, grant string) {
	s.details = nil
	if device != "" || grant != "" {
		s.details = &details{strings.Clone(device), strings.Clone(grant)}
	}
}

// Identity is who the services see. It lacks when the token runs out, which the
// door knows.
func (n *Node) Identity(s *Session) account.Identity {
	return account.Identity{
		Address:  s.Address().Addr(),
		User:     s.login.User,
		Session:  s.ID(),
		App:      n.hub.AppName(s.login.App),
		Platform: s.Platform(),
		Device:   s.Device(),
		Grant:    s.Grant(),
	}
}

func (n *Node) info(s *Session) push.SessionInfo {
	stats := s.Stats()
	return push.SessionInfo{
		Session: s.ID(), User: s.login.User, App: n.hub.AppName(s.login.App), Device: s.Device(),
		Platform: n.platforms.Name(s.Platform()),
		Address:  s.Address().String(),
		Node:     n.name,
		Since:    s.since().UnixMilli(),
		LastSeen: n.clock.Now().Add(-stats.IdleFor).UnixMilli(),
		BytesIn:  stats.BytesIn, BytesOut: stats.BytesOut,
		MessagesIn: stats.MessagesIn, MessagesOut: stats.MessagesOut,
	}
}

func (s *Session) since() time.Time { return time.Unix(int64(s.login.Since), 0) }

// LoopContext is the context of a call on an event loop, and says on whose: what
// concerns that session is then done at once. Session is set by the loop for each
// call.
type LoopContext struct {
	context.Context
	Session *Session
}

type sessionKey struct{}

// Value implements context.Context.
func (c *LoopContext) Value(key any) any {
	if key == (sessionKey{}) {
		return c.Session
	}
	return c.Context.Value(key)
}

// onLoop is the session on whose loop ctx's call runs; nil elsewhere.
func onLoop(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// Do runs f on the session's loop: at once when the call came from there, and
// otherwise through its mailbox, waiting for it.
func (s *Session) Do(ctx context.Context, f func() error) error {
	if on := onLoop(ctx); on != nil && on.Loop() == s.Loop() {
		return f()
	}
	done := make(chan error, 1)
	if !s.Loop().Complete(func() { done <- f() }) {
		return codec.Errorf(codec.CodeUnavailable, "the server is shutting down")
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
