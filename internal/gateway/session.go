package gateway

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/node"
	"pushd/internal/poller"
)

// maxLoginFailures is how many refused tokens close a connection.
const maxLoginFailures = 5

// Session is one connection and, once logged in, one entry of the node's directory,
// all in one allocation. Everything in it is owned by the connection's loop.
type Session struct {
	// Its Faults are malformed frames in a row, its Refusals refused tokens, and its
	// Mark is set from account.SessionBegan until account.SessionEnded.
	node.Session
	gateway *Gateway
	expires uint32 // unix seconds at which the token runs out; 0 is never
	rate    meter  // of its messages
}

// Opened implements poller.Handler.
func (s *Session) Opened(_ *poller.Conn, h *poller.Handshake) {
	s.rate.begin(s.Loop().Now())
	s.SetDeadline(s.Loop().Now() + poller.Ticks(s.gateway.opts.LoginTimeout))
	if h.Token != "" && s.gateway.verifier != nil {
		s.loginByHandshake(h.Token, h.Query)
	}
}

// Expired implements poller.Handler. Activity does not touch the timer; when it
// fires, a session that was active is given its next deadline.
func (s *Session) Expired(*poller.Conn) {
	g := s.gateway
	if !s.LoggedIn() {
		s.Close(node.CloseLoginTimeout, "log in within "+g.opts.LoginTimeout.String(), reasonLoginTimeout)
		return
	}
	now := s.Loop().Now()
	if s.expires != 0 && g.clock.Now().Unix() >= int64(s.expires) {
		s.Close(node.CloseTokenExpired, "the token has run out", reasonTokenExpired)
		return
	}
	if now-s.Seen() >= poller.Ticks(g.opts.Heartbeat) {
		s.Close(node.CloseNoHeartbeat, "nothing came for "+g.opts.Heartbeat.String(), reasonNoHeartbeat)
		return
	}
	if g.opts.Ping > 0 && now-s.Seen() >= poller.Ticks(g.opts.Ping) {
		s.Ping()
	}
	s.schedule()
}

// schedule sets the deadline of a logged-in session: the heartbeat's, and before
// it the next ping's and the token's end.
func (s *Session) schedule() {
	now, o := s.Loop().Now(), &s.gateway.opts
	s.rate.settle(now)
	at := s.Seen() + poller.Ticks(o.Heartbeat)
	if o.Ping > 0 {
		next := s.Seen() + poller.Ticks(o.Ping)
		if next <= now {
			next = now + poller.Ticks(o.Ping)
		}
		at = min(at, next)
	}
	if s.expires != 0 {
		left := s.gateway.clock.Until(time.Unix(int64(s.expires), 0))
		at = min(at, now+max(poller.Ticks(left), 1))
	}
	s.SetDeadline(max(at, now+1))
}

// Closed implements poller.Handler.
func (s *Session) Closed(_ *poller.Conn, why poller.Reason) {
	if !s.LoggedIn() {
		return
	}
	if resumable(why) && !s.gateway.opts.NoResume {
		s.gateway.node.Park(&s.Session)
	}
	s.gateway.node.Leave(&s.Session)
	s.left(why)
}

// identity is who the services see.
func (s *Session) identity() account.Identity {
	id := s.gateway.node.Identity(&s.Session)
	if s.expires != 0 {
		id.Expires = time.Unix(int64(s.expires), 0)
	}
	return id
}

// state is what the session's loop keeps at hand for it.
func (s *Session) state() *loopState { return &s.gateway.loops[s.Loop().Index()] }

// answer writes the reply to a request.
func (s *Session) answer(r *codec.Request, module, action string, reply any, err error) {
	st := s.state()
	code := codec.CodeOK
	var payload []byte
	if err == nil {
		payload, err = codec.AppendReply(st.scratch[:0], r, reply)
	}
	if err != nil {
		e := codec.AsError(err)
		if code = e.Code; code == codec.CodeInternal {
			s.gateway.log.Error("request failed", slog.String("module", module), slog.String("action", action),
				slog.String("user", s.User()), slog.Any("error", cmp.Or(errors.Unwrap(e), err)))
		}
		payload = codec.AppendError(st.scratch[:0], r, e)
	}
	s.WriteMessage(payload)
	s.gateway.metrics.Request(module, action, code)
	if cap(payload) <= 64<<10 {
		st.scratch = payload[:0]
	}
}
