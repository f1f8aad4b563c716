package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/url"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/node"
	"pushd/internal/poller"
)

const (
	maxAppID    = 64
	maxDeviceID = 128
)

// LoginRequest asks to be a user on a platform.
type LoginRequest struct {
	// 1 to 128 bytes of printable UTF-8, no spaces, not beginning with $
	UserID   string         `json:"UserId"`
	PlatID   account.PlatID `json:"PlatId"`             // the platform
	AppID    string         `json:"AppId,omitempty"`    // a label, shown to whoever looks at the session
	DeviceID string         `json:"DeviceId,omitempty"` // the same
	// a JWT whose subject (sub) is UserId; needed unless the server runs in open
	// mode, or the handshake had one
	Token  string `json:",omitempty"`
	Resume string `json:",omitempty"` // the session of a connection that broke, to take its topics up again
}

// LoginReply describes the session that a login began.
type LoginReply struct {
	Session   string `json:"session"`
	User      string `json:"user"`
	Platform  string `json:"platform"`
	Heartbeat int    `json:"heartbeat"` // seconds within which the client must be heard
	Server    string `json:"server"`    // the node's name
	Resumed   bool   `json:"resumed"`   // Resume worked
	Unread    int    `json:"unread"`    // messages that wait; 0 on a server that stores none
}

// PingReply is the server's time.
type PingReply struct {
	Time int64 `json:"time"` // Unix milliseconds
}

// credentials are what a login comes down to once it has been checked.
type credentials struct {
	user     string
	platform account.Platform
	app      string
	device   string
	resume   string
	claims   account.Claims // zero in open mode
	known    bool           // the claims are the session's own, from before
}

// login is who the node is told of.
func (who *credentials) login() node.Login {
	return node.Login{User: who.user, Platform: who.platform, App: who.app, Device: who.device, Grant: who.claims.ID}
}

// robotLogin is robot.Login.
func (g *Gateway) robotLogin(ctx context.Context, s *Session, r LoginRequest) (LoginReply, error) {
	platform, err := g.platforms.Parse(string(r.PlatID))
	if err != nil {
		return LoginReply{}, err
	}
	if err := account.ValidUserID(r.UserID); err != nil {
		return LoginReply{}, err
	}
	if len(r.AppID) > maxAppID || len(r.DeviceID) > maxDeviceID {
		return LoginReply{}, codec.Errorf(codec.CodeMalformed, "AppId is at most %d and DeviceId at most %d bytes", maxAppID, maxDeviceID)
	}
	who := credentials{user: r.UserID, platform: platform, app: r.AppID, device: r.DeviceID, resume: r.Resume}
	switch {
	case g.verifier == nil:
	case r.Token == "" && s.verified(ctx, &who):
	default:
		if who.claims, err = g.verify(r.Token, r.UserID); err != nil {
			return LoginReply{}, errors.Join(err, s.Do(ctx, func() error { s.refuseToken(err); return nil }))
		}
	}
	return g.enter(ctx, s, who)
}

// verified tells whether the session is logged in as this user already, by a
// token that came with the opening handshake or before, whose claims then stay.
func (s *Session) verified(ctx context.Context, who *credentials) (yes bool) {
	err := s.Do(ctx, func() error {
		if yes = s.LoggedIn() && s.User() == who.user; yes {
			who.claims, who.known = account.Claims{User: who.user, ID: s.Grant()}, true
			if s.expires != 0 {
				who.claims.Expires = time.Unix(int64(s.expires), 0)
			}
		}
		return nil
	})
	return yes && err == nil
}

// verify checks a token and that it is the user's.
func (g *Gateway) verify(token, user string) (account.Claims, error) {
	if token == "" {
		return account.Claims{}, codec.Errorf(codec.CodeUnauthorized, "a token is needed: Data.Token of robot.Login, Authorization: Bearer, or the subprotocol pushd.token.…")
	}
	claims, err := g.claims(token)
	if err != nil {
		return account.Claims{}, err
	}
	if claims.User != user {
		return account.Claims{}, codec.Errorf(codec.CodeForbidden, "the token is another user's")
	}
	return claims, nil
}

// claims are what a token says, without an id of it that nobody can revoke.
func (g *Gateway) claims(token string) (account.Claims, error) {
	c, err := g.verifier.Verify(token)
	if g.recheck == nil {
		c.ID = ""
	}
	return c, err
}

// refuseToken counts, and ends a connection that only guesses.
func (s *Session) refuseToken(cause error) {
	s.gateway.log.Debug("token refused", slog.Any("address", s.Address()), slog.Any("error", errors.Unwrap(cause)))
	if s.Refusals++; s.Refusals >= maxLoginFailures {
		s.Close(node.CloseBadToken, "too many refused tokens", reasonBadToken)
	}
}

// loginByHandshake logs in with a token of the opening handshake. The platform
// comes from the query (?platform=ios), web by default; the user is the token's.
func (s *Session) loginByHandshake(token, query string) {
	g := s.gateway
	values, _ := url.ParseQuery(query) // what can't be read is not there
	j := &job{session: s, module: "robot", action: "Login"}
	j.request.Module, j.request.Action = j.module, j.action
	j.call = func(ctx context.Context, _ *job) (any, error) {
		claims, err := g.claims(token)
		if err != nil {
			return nil, err
		}
		who := credentials{user: claims.User, platform: account.Web, claims: claims}
		if p := values.Get("platform"); p != "" {
			if who.platform, err = g.platforms.Parse(p); err != nil {
				return nil, err
			}
		}
		return g.enter(ctx, s, who)
	}
	j.failed = func(err error) {
		e := codec.AsError(err)
		g.metrics.Request(j.module, j.action, e.Code)
		switch {
		case errors.Is(err, account.ErrExpired):
			s.Close(node.CloseTokenExpired, e.Msg, reasonTokenExpired)
		case errors.Is(err, account.ErrRevoked):
			s.Close(node.CloseTokenExpired, e.Msg, node.ReasonTokenRevoked)
		case e.Code == codec.CodeUnauthorized:
			g.log.Debug("token refused", slog.Any("address", s.Address()), slog.Any("error", errors.Unwrap(err)))
			s.Close(node.CloseBadToken, e.Msg, reasonBadToken)
		default:
			s.answer(&j.request, j.module, j.action, nil, err)
		}
	}
	s.offload(j)
}

// enter puts the session into the directory, if the Lifecycle agrees.
func (g *Gateway) enter(ctx context.Context, s *Session, who credentials) (LoginReply, error) {
	admitted, err := g.admit(ctx, s, &who)
	if err != nil {
		return LoginReply{}, err
	}
	defer admitted.withdraw()
	if who.resume != "" {
		if err := g.node.ParkLost(ctx, &s.Session, who.resume, who.login()); err != nil {
			return LoginReply{}, err
		}
	}
	var entered LoginReply
	err = s.Do(ctx, func() error {
		if !admitted.begin() {
			return context.DeadlineExceeded // which the client has been told
		}
		if (g.verifier != nil || admitted != nil) && s.PeerClosed() {
			// It gave up while its token was verified, and may be back on another
			// connection already: this login must not replace that one.
			s.Abort(poller.PeerGone)
		}
		reply, err := s.enter(who)
		admitted.end(s, &reply, err)
		entered = reply
		return err
	})
	if err != nil {
		return LoginReply{}, err // not looking at entered, which the loop may yet write
	}
	return entered, nil
}

// enter is the part of a login that belongs on the loop.
func (s *Session) enter(who credentials) (LoginReply, error) {
	g := s.gateway
	var expires uint32
	if e := who.claims.Expires; !e.IsZero() {
		// Seconds in 32 bits end in 2106; a token that lives longer is looked at then.
		expires = uint32(min(e.Unix(), math.MaxUint32))
	}
	switch {
	case !s.Open() || g.draining.Load():
		return LoginReply{}, codec.Errorf(codec.CodeUnavailable, "the server is shutting down")
	case s.other(&who) != nil:
		return LoginReply{}, s.other(&who)
	case s.LoggedIn():
		// Logging in again renews the token without reconnecting, and says what a
		// token of the handshake could not.
		if who.device == "" {
			who.device = s.Device()
		}
		s.expires = expires
		s.SetDetails(who.device, who.claims.ID)
		if err := s.stillGood(&who); err != nil {
			return LoginReply{}, err
		}
		s.schedule()
		return s.loginReply(g.node.Resume(&s.Session, who.resume)), nil
	}
	s.expires, s.Refusals = expires, 0
	if err := g.node.Enter(&s.Session, who.login()); err != nil {
		return LoginReply{}, err
	}
	if err := s.stillGood(&who); err != nil {
		return LoginReply{}, err
	}
	s.schedule()
	return s.loginReply(g.node.Resume(&s.Session, who.resume)), nil
}

// stillGood closes the session, which can be found by now, if its token was
// revoked since it was verified.
func (s *Session) stillGood(who *credentials) error {
	if s.gateway.recheck == nil || who.known {
		return nil
	}
	err := s.gateway.recheck.Recheck(who.claims)
	if err != nil {
		s.Close(node.CloseTokenExpired, codec.AsError(err).Msg, node.ReasonTokenRevoked)
	}
	return err
}

func (s *Session) loginReply(resumed bool) LoginReply {
	g := s.gateway
	return LoginReply{
		Session:   s.ID(),
		User:      s.User(),
		Platform:  g.platforms.Name(s.Platform()),
		Heartbeat: int(g.opts.Heartbeat / time.Second),
		Server:    g.node.Name(),
		Resumed:   resumed,
	}
}

// robotLogout is robot.Logout: the socket stays and may log in again.
func (g *Gateway) robotLogout(ctx context.Context, s *Session, _ struct{}) (struct{}, error) {
	return struct{}{}, s.Do(ctx, func() error {
		g.node.Leave(&s.Session)
		s.left(reasonLogout)
		s.expires = 0
		s.SetDetails("", "")
		s.SetDeadline(s.Loop().Now() + poller.Ticks(g.opts.LoginTimeout))
		return nil
	})
}
