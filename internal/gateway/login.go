package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/hub"
	"pushd/internal/poller"
)

const (
	maxAppID    = 64
	maxDeviceID = 128
)

type loginRequest struct {
	UserID   string         `json:"UserId"`
	PlatID   account.PlatID `json:"PlatId"`
	AppID    string         `json:"AppId"`
	DeviceID string         `json:"DeviceId"`
	Token    string
	Resume   string // a session id of before, to get its subscriptions back
}

type loginReply struct {
	Session   string `json:"session"`
	User      string `json:"user"`
	Platform  string `json:"platform"`
	Heartbeat int    `json:"heartbeat"` // seconds within which the client must be heard
	Server    string `json:"server"`
	Resumed   bool   `json:"resumed"`
	Unread    int    `json:"unread"`
}

type pingReply struct {
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
	standing bool           // the claims are the session's own, from before
}

// robotLogin is robot.Login.
func (g *Gateway) robotLogin(ctx context.Context, s *Session, r loginRequest) (loginReply, error) {
	platform, err := g.platforms.Parse(string(r.PlatID))
	if err != nil {
		return loginReply{}, err
	}
	if err := account.ValidUserID(r.UserID); err != nil {
		return loginReply{}, err
	}
	if len(r.AppID) > maxAppID || len(r.DeviceID) > maxDeviceID {
		return loginReply{}, codec.Errorf(codec.CodeMalformed, "AppId is at most %d and DeviceId at most %d bytes", maxAppID, maxDeviceID)
	}
	who := credentials{user: r.UserID, platform: platform, app: r.AppID, device: r.DeviceID, resume: r.Resume}
	switch {
	case g.verifier == nil:
	case r.Token == "" && s.verified(ctx, &who):
	default:
		if who.claims, err = g.verify(r.Token, r.UserID); err != nil {
			return loginReply{}, errors.Join(err, s.do(ctx, func() error { s.refuseToken(err); return nil }))
		}
	}
	return g.enter(ctx, s, who)
}

// verified tells whether the session is logged in as this user already, by a
// token that came with the opening handshake or before, whose claims then stay.
func (s *Session) verified(ctx context.Context, who *credentials) (yes bool) {
	err := s.do(ctx, func() error {
		if yes = s.login.Live() && s.login.User == who.user; yes {
			who.claims, who.standing = account.Claims{User: who.user, ID: s.grant()}, true
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
	s.gateway.log.Debug("token refused", slog.Any("address", s.Address()), slog.Any("cause", errors.Unwrap(cause)))
	if s.Refusals++; s.Refusals >= maxLoginFailures {
		s.Close(closeBadToken, "too many refused tokens", reasonBadToken)
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
			s.Close(closeTokenExpired, e.Msg, reasonTokenExpired)
		case errors.Is(err, account.ErrRevoked):
			s.Close(closeTokenExpired, e.Msg, reasonTokenRevoked)
		case e.Code == codec.CodeUnauthorized:
			g.log.Debug("token refused", slog.Any("address", s.Address()), slog.Any("cause", errors.Unwrap(err)))
			s.Close(closeBadToken, e.Msg, reasonBadToken)
		default:
			s.answer(&j.request, j.module, j.action, nil, err)
		}
	}
	s.offload(j)
}

// enter puts the session into the directory, if the Lifecycle agrees.
func (g *Gateway) enter(ctx context.Context, s *Session, who credentials) (loginReply, error) {
	admitted, err := g.admit(ctx, s, &who)
	if err != nil {
		return loginReply{}, err
	}
	defer admitted.withdraw()
	resume, err := hub.ParseID(who.resume)
	if err != nil {
		resume = 0 // as good as one that is long forgotten
	}
	if resume != 0 {
		if err := g.takeOver(ctx, s, resume, who); err != nil {
			return loginReply{}, err
		}
	}
	var entered loginReply
	err = s.do(ctx, func() error {
		if !admitted.begin() {
			return context.DeadlineExceeded // which the client has been told
		}
		if (g.verifier != nil || admitted != nil) && s.PeerClosed() {
			// It gave up while its token was verified, and may be back on another
			// connection already: this login must not replace that one.
			s.Abort(poller.PeerGone)
		}
		reply, err := s.enter(who, resume)
		admitted.end(s, &reply, err)
		entered = reply
		return err
	})
	if err != nil {
		return loginReply{}, err // not looking at entered, which the loop may yet write
	}
	return entered, nil
}

// takeOver ends the session that is to be resumed when the server has not
// noticed yet that its connection is dead, and keeps its subscriptions.
func (g *Gateway) takeOver(ctx context.Context, s *Session, id uint64, who credentials) error {
	old, ok := g.hub.Lookup(id)
	if !ok || old.User != who.user || old.Platform != uint8(who.platform) || old.Session == &s.login {
		return nil
	}
	if onLoop, _ := ctx.Value(sessionKey{}).(*Session); onLoop != nil {
		return errOffload
	}
	return g.each(ctx, []hub.Entry{old}, func(s *Session) {
		g.hub.Park(&s.login)
		s.Close(closeReplaced, "the session was resumed on another connection", reasonReplaced)
	})
}

// enter is the part of a login that belongs on the loop.
func (s *Session) enter(who credentials, resume uint64) (loginReply, error) {
	g := s.gateway
	var expires uint32
	if e := who.claims.Expires; !e.IsZero() {
		// Seconds in 32 bits end in 2106; a token that lives longer is looked at then.
		expires = uint32(min(e.Unix(), math.MaxUint32))
	}
	switch {
	case !s.Open() || g.draining.Load():
		return loginReply{}, codec.Errorf(codec.CodeUnavailable, "the server is shutting down")
	case s.other(&who) != nil:
		return loginReply{}, s.other(&who)
	case s.login.Live():
		// Logging in again renews the token without reconnecting, and says what a
		// token of the handshake could not.
		if who.device == "" && s.details != nil {
			who.device = s.details.device
		}
		s.expires = expires
		s.setDetails(who.device, who.claims.ID)
		if err := s.stillGood(&who); err != nil {
			return loginReply{}, err
		}
		s.schedule()
		return s.loginReply(s.resume(resume)), nil
	}
	s.login.User = strings.Clone(who.user)
	s.login.Platform = uint8(who.platform)
	s.login.App = g.hub.Intern(who.app)
	s.login.Conn = s
	s.login.Loop = uint16(s.Loop().Index())
	s.login.Since = uint32(time.Now().Unix())
	s.expires, s.Refusals = expires, 0
	s.setDetails(who.device, who.claims.ID)
	replaced, err := g.hub.Add(&s.login)
	switch {
	case errors.Is(err, hub.ErrTaken):
		return loginReply{}, codec.Errorf(codec.CodeConflict, "already logged in on %s", g.platforms.Name(who.platform))
	case errors.Is(err, hub.ErrTooMany):
		return loginReply{}, codec.Errorf(codec.CodeTooMany, "too many sessions of this user")
	case err != nil:
		return loginReply{}, err
	}
	for _, old := range replaced {
		g.post(old, func(s *Session) {
			s.Close(closeReplaced, "logged in elsewhere on "+g.platforms.Name(who.platform), reasonReplaced)
		})
	}
	if err := s.stillGood(&who); err != nil {
		return loginReply{}, err
	}
	s.schedule()
	return s.loginReply(s.resume(resume)), nil
}

// stillGood closes the session, which can be found by now, if its token was
// revoked since it was verified.
func (s *Session) stillGood(who *credentials) error {
	if s.gateway.recheck == nil || who.standing {
		return nil
	}
	err := s.gateway.recheck.Recheck(who.claims)
	if err != nil {
		s.Close(closeTokenExpired, codec.AsError(err).Msg, reasonTokenRevoked)
	}
	return err
}

func (s *Session) setDetails(device, grant string) {
	s.details = nil
	if device != "" || grant != "" {
		s.details = &details{strings.Clone(device), strings.Clone(grant)}
	}
}

// resume gives the session the subscriptions of a lost one; 0 is none. It
// reports false when it can't, or not with all of them: the client then
// subscribes anew.
func (s *Session) resume(id uint64) bool {
	if id == 0 || id == s.login.ID {
		return false
	}
	topics, whole := s.gateway.hub.Resume(id, s.login.User, s.login.Platform)
	for _, t := range topics {
		if err := s.gateway.hub.Subscribe(&s.login, t); err != nil {
			whole = false
		}
	}
	return whole
}

func (s *Session) loginReply(resumed bool) loginReply {
	g := s.gateway
	return loginReply{
		Session:   hub.FormatID(s.login.ID),
		User:      s.login.User,
		Platform:  g.platforms.Name(account.Platform(s.login.Platform)),
		Heartbeat: int(g.opts.Heartbeat / time.Second),
		Server:    g.opts.Node,
		Resumed:   resumed,
	}
}

// robotLogout is robot.Logout: the socket stays and may log in again.
func (g *Gateway) robotLogout(ctx context.Context, s *Session, _ struct{}) (struct{}, error) {
	return struct{}{}, s.do(ctx, func() error {
		g.hub.Remove(&s.login)
		s.left(reasonLogout)
		s.expires, s.details = 0, nil
		s.SetDeadline(s.Loop().Now() + poller.Ticks(g.opts.LoginTimeout))
		return nil
	})
}

func (g *Gateway) robotHeartBeat(context.Context, *Session, struct{}) (struct{}, error) {
	return struct{}{}, nil
}

func (g *Gateway) robotPing(context.Context, *Session, struct{}) (pingReply, error) {
	return pingReply{Time: time.Now().UnixMilli()}, nil
}
