package gateway

import (
	"context"
	"sync/atomic"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/poller"
)

// Lifecycle is asked about logins. For every Entering that returned no error the gateway
// publishes account.SessionBegan and, later, exactly one account.SessionEnded.
type Lifecycle interface {
	// Entering is asked on a worker, once the token is found good and before the
	// session is in the directory, so id.Session is still "". A *codec.Error
	// refuses the login. unread becomes part of the reply.
	Entering(ctx context.Context, id account.Identity) (unread int, err error)
	// Renewing is asked on a worker when a session that is logged in logs in again
	// as the same user: to renew its token, or to name its device, which is no event. An
	// error refuses the renewal; the session stays.
	Renewing(ctx context.Context, id account.Identity) (unread int, err error)
}

// admission is one login that was let in, or renewed, and what becomes of it. Its
// methods do nothing on nil, which is what there is when nobody is asked or told.
type admission struct {
	gateway  *Gateway
	id       account.Identity
	renewing bool
	unread   int
	// settled: the session's loop or the worker has taken it upon itself to say how
	// it ended. A worker whose time is over can't know whether the loop will still
	// get to it.
	settled atomic.Bool
}

// admit asks the Lifecycle about a login, which then begins.
func (g *Gateway) admit(ctx context.Context, s *Session, who *credentials) (*admission, error) {
	if g.lifecycle == nil && !g.began.Wanted() && !g.ended.Wanted() {
		return nil, nil
	}
	a := &admission{gateway: g}
	err := s.Do(ctx, func() error {
		if err := s.other(who); err != nil {
			return err
		}
		a.renewing = s.LoggedIn()
		a.id = account.Identity{
			User: who.user, App: who.app, Device: who.device, Platform: who.platform,
			Grant: who.claims.ID, Address: s.Address().Addr(), Expires: who.claims.Expires,
		}
		if a.renewing {
			a.id.Session = s.ID()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case g.lifecycle == nil:
	case a.renewing:
		a.unread, err = g.lifecycle.Renewing(ctx, a.id)
	default:
		a.unread, err = g.lifecycle.Entering(ctx, a.id)
	}
	if err != nil {
		return nil, err
	}
	if !a.renewing {
		g.began.Publish(account.SessionBegan{Identity: a.id})
	}
	return a, nil
}

// begin reports whether the session may enter now. On its loop.
func (a *admission) begin() bool { return a == nil || a.settled.CompareAndSwap(false, true) }

// end says how entering ended. On the session's loop, after begin.
func (a *admission) end(s *Session, reply *LoginReply, err error) {
	switch {
	case a == nil:
	case err == nil:
		reply.Unread = a.unread
		s.SetMark(true)
	case !a.renewing:
		a.refused()
	}
}

// withdraw is for a worker that won't get as far as begin, or can't tell.
func (a *admission) withdraw() {
	if a != nil && a.settled.CompareAndSwap(false, true) && !a.renewing {
		a.refused()
	}
}

func (a *admission) refused() {
	a.gateway.ended.Publish(account.SessionEnded{Identity: a.id, Reason: string(reasonRefused)})
}

// left publishes that the session is over, once. On the loop, while the session still
// has what identity needs.
func (s *Session) left(why poller.Reason) {
	if s.Mark() {
		s.SetMark(false)
		s.gateway.ended.Publish(account.SessionEnded{Identity: s.identity(), Reason: string(why)})
	}
}

// recheck is what a Verifier also has when its tokens can be revoked. A token
// may be revoked between its verification and the moment from which the session
// can be found and closed, so the session asks once more after that.
type recheck interface {
	Recheck(c account.Claims) error
}

// other refuses a login as somebody else than who the session is.
func (s *Session) other(who *credentials) error {
	if s.LoggedIn() && (s.User() != who.user || s.Platform() != who.platform) {
		return codec.Errorf(codec.CodeConflict, "logged in as somebody else; send robot.Logout first")
	}
	return nil
}
