package push

import (
	"context"
	"log/slog"
	"unicode/utf8"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Bounds of the questions about who is online.
const (
	DefaultPage   = 100    // users listed when no limit is given
	MaxPage       = 1_000  // a greater limit is clamped to this
	MaxCheck      = 10_000 // users of one CheckUsers
	maxKickReason = 123    // what is left for it in a Close frame, RFC 6455 section 5.5
)

// OnlineRequest asks for the totals.
type OnlineRequest struct{}

// OnlineUsersRequest asks for a page of who is online.
type OnlineUsersRequest struct {
	Platform account.PlatID `json:"platform,omitempty"`
	Limit    int            `json:"limit,omitempty"` // DefaultPage if 0; clamped to 1..MaxPage
	Cursor   string         `json:"cursor,omitempty"`
}

// OnlineUsersReply is a page of who is online.
type OnlineUsersReply struct {
	Users      []OnlineUser `json:"users"`
	NextCursor string       `json:"next_cursor,omitempty"` // absent on the last page
}

// UserSessionsRequest asks for one user's sessions.
type UserSessionsRequest struct {
	User string `json:"user"`
}

// UserSessionsReply describes one user's sessions.
type UserSessionsReply struct {
	User     string        `json:"user"`
	Sessions []SessionInfo `json:"sessions"`
}

// CheckUsersRequest asks which of the users are online.
type CheckUsersRequest struct {
	Users []string `json:"users"`
}

// CheckUsersReply lists those that are.
type CheckUsersReply struct {
	Online []OnlineUser `json:"online"`
}

// KickRequest names either a user, with a platform or on all of them, or one
// session.
type KickRequest struct {
	User     string         `json:"user,omitempty"`
	Platform account.PlatID `json:"platform,omitempty"`
	Session  string         `json:"session,omitempty"`
	Reason   string         `json:"reason,omitempty"` // reaches the client in the Close frame
}

// KickReply tells how many connections were closed.
type KickReply struct {
	Closed int `json:"closed"`
}

// onlineService answers who is online, and closes sessions.
type onlineService struct {
	// Immutable.
	directory Directory
	closer    delivery.Closer
	platforms platformNames
	log       *slog.Logger
}

func newOnlineService(ports Ports, platforms platformNames, o Options) *onlineService {
	return &onlineService{directory: ports.Directory, closer: ports.Closer, platforms: platforms, log: o.Log}
}

// Online returns the totals.
func (s *onlineService) Online(ctx context.Context, id account.Identity, _ OnlineRequest) (Counts, error) {
	if err := allow(s.log, id, account.ScopeRead, "online.counts"); err != nil {
		return Counts{}, err
	}
	c, err := s.directory.Counts(ctx)
	if err != nil {
		return Counts{}, err
	}
	if c.Platforms == nil {
		c.Platforms = map[string]int{}
	}
	if c.Nodes == nil {
		c.Nodes = []NodeCounts{}
	}
	return c, nil
}

// OnlineUsers lists who is online, a page at a time.
func (s *onlineService) OnlineUsers(ctx context.Context, id account.Identity, r OnlineUsersRequest) (OnlineUsersReply, error) {
	if err := allow(s.log, id, account.ScopeRead, "online.users"); err != nil {
		return OnlineUsersReply{}, err
	}
	platform, err := s.platforms.of(r.Platform)
	if err != nil {
		return OnlineUsersReply{}, err
	}
	limit := DefaultPage
	if r.Limit != 0 {
		limit = min(max(r.Limit, 1), MaxPage)
	}
	users, next, err := s.directory.OnlineUsers(ctx, platform, limit, r.Cursor)
	if err != nil {
		return OnlineUsersReply{}, err
	}
	return OnlineUsersReply{Users: notNil(users), NextCursor: next}, nil
}

// UserSessions describes a user's sessions; 404 when there are none.
func (s *onlineService) UserSessions(
	ctx context.Context, id account.Identity, r UserSessionsRequest,
) (UserSessionsReply, error) {
	if err := allow(s.log, id, account.ScopeRead, "online.sessions"); err != nil {
		return UserSessionsReply{}, err
	}
	if err := account.ValidUserID(r.User); err != nil {
		return UserSessionsReply{}, err
	}
	sessions, err := s.directory.UserSessions(ctx, r.User)
	if err != nil {
		return UserSessionsReply{}, err
	}
	if len(sessions) == 0 {
		return UserSessionsReply{}, codec.Errorf(codec.CodeNotFound, "user %s is not online", r.User)
	}
	return UserSessionsReply{User: r.User, Sessions: sessions}, nil
}

// CheckUsers tells which of up to MaxCheck users are online.
func (s *onlineService) CheckUsers(ctx context.Context, id account.Identity, r CheckUsersRequest) (CheckUsersReply, error) {
	if err := allow(s.log, id, account.ScopeRead, "online.check"); err != nil {
		return CheckUsersReply{}, err
	}
	return checkUsers(ctx, s.directory, r.Users, MaxCheck)
}

func checkUsers(ctx context.Context, directory Directory, users []string, most int) (CheckUsersReply, error) {
	if err := validUsers(users, most); err != nil {
		return CheckUsersReply{}, err
	}
	online, err := directory.CheckUsers(ctx, users)
	return CheckUsersReply{Online: notNil(online)}, err
}

// Kick closes sessions with 4004 and the reason, which the client is shown.
func (s *onlineService) Kick(ctx context.Context, id account.Identity, r KickRequest) (KickReply, error) {
	if err := allow(s.log, id, account.ScopeAdmin, "online.kick"); err != nil {
		return KickReply{}, err
	}
	if err := validKick(r); err != nil {
		return KickReply{}, err
	}
	platform, err := s.platforms.of(r.Platform)
	if err != nil {
		return KickReply{}, err
	}
	of := delivery.Sessions{Session: r.Session, User: r.User}
	if platform != "" {
		of.Platforms = []string{platform}
	}
	n, err := s.closer.Close(ctx, of, delivery.CauseKicked, r.Reason)
	s.log.Info("kick", slog.String("key", id.Key), slog.String("user", r.User), slog.String("platform", platform),
		slog.String("session", r.Session), slog.String("reason", r.Reason), slog.Int("closed", n))
	if err != nil {
		return KickReply{}, err
	}
	return KickReply{Closed: n}, nil
}

func validKick(r KickRequest) error {
	switch {
	case r.User == "" && r.Session == "":
		return malformed("nobody is named: give user or session")
	case r.User != "" && r.Session != "":
		return malformed("give user or session, not both")
	case r.Session != "" && r.Platform != "":
		return malformed("platform goes with user: a session has one platform")
	case len(r.Reason) > maxKickReason:
		return malformed("reason is at most %d bytes long, not %d", maxKickReason, len(r.Reason))
	case !utf8.ValidString(r.Reason):
		return malformed("reason must be UTF-8")
	case r.Session != "":
		return validSession(r.Session)
	}
	return account.ValidUserID(r.User)
}
