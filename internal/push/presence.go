package push

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Topics of the server's own carry presence: who watches is a subscriber like
// any other, and a session that goes leaves them by itself.
const (
	presenceAll    = "$presence"
	presencePrefix = "$presence:"
)

// Bounds of what a socket client may ask about presence.
const (
	MaxPresenceOnline = 1_000
	MaxPresenceWatch  = 100 // users of one Subscribe
)

// PresenceRequest names users.
type PresenceRequest struct {
	Users []string `json:"users"`
}

// WatchRequest names the users to watch, or everybody: {} means the same as
// {"all":true}.
type WatchRequest struct {
	Users []string `json:"users,omitempty"`
	All   bool     `json:"all,omitempty"`
}

// WatchReply tells who of the named users is online now. The pushes from here
// on change that picture.
type WatchReply struct {
	Online []OnlineUser `json:"online"`
}

// presenceService tells clients who comes online and goes offline.
type presenceService struct {
	// Immutable.
	directory Directory
	topics    Membership
	deliverer delivery.Deliverer
	platforms platformNames
	watchAll  bool // clients may watch everybody
	announces bool // every session learns who comes and goes, watching or not
	clock     clockwork.Clock
	log       *slog.Logger

	changes   *changes // for those who watch
	announced *changes // for every session

	announcedAt time.Time // owned by the service's goroutine

	// watched turns true at the first presence subscription and stays so; until
	// then nobody's coming and going is worth recording.
	watched atomic.Bool
}

func newPresenceService(ports Ports, platforms platformNames, o Options) *presenceService {
	return &presenceService{
		directory: ports.Directory, topics: ports.Topics, deliverer: ports.Deliverer, platforms: platforms,
		watchAll: o.PresenceAll, announces: o.PresenceAnnounce, clock: o.Clock, log: o.Log,
		changes: newChanges(o.Drops), announced: newChanges(o.Drops),
	}
}

// PresenceOnline tells a client which of up to MaxPresenceOnline users are
// online, and on which platforms.
func (s *presenceService) PresenceOnline(ctx context.Context, id account.Identity, r PresenceRequest) (CheckUsersReply, error) {
	if err := socketOnly(id); err != nil {
		return CheckUsersReply{}, err
	}
	return checkUsers(ctx, s.directory, r.Users, MaxPresenceOnline)
}

// PresenceSubscribe lets a client's session watch users, or everybody where
// Options.PresenceAll permits. When a bound stops it half way (429), the users
// up to there are watched.
func (s *presenceService) PresenceSubscribe(ctx context.Context, id account.Identity, r WatchRequest) (WatchReply, error) {
	if err := socketOnly(id); err != nil {
		return WatchReply{}, err
	}
	topics, err := s.watchTopics(r)
	if err != nil {
		return WatchReply{}, err
	}
	// Before anything is subscribed, so that no change after it goes unseen.
	s.watched.Store(true)
	for _, t := range topics {
		if err := s.topics.Subscribe(ctx, id.Session, t); err != nil {
			return WatchReply{}, err
		}
	}
	if len(r.Users) == 0 {
		return WatchReply{Online: []OnlineUser{}}, nil
	}
	online, err := s.directory.CheckUsers(ctx, r.Users)
	return WatchReply{Online: notNil(online)}, err
}

// PresenceUnsubscribe ends what the same PresenceSubscribe began.
func (s *presenceService) PresenceUnsubscribe(ctx context.Context, id account.Identity, r WatchRequest) (struct{}, error) {
	if err := socketOnly(id); err != nil {
		return struct{}{}, err
	}
	topics, err := s.watchTopics(r)
	if err != nil {
		return struct{}{}, err
	}
	for _, t := range topics {
		if err := s.topics.Unsubscribe(ctx, id.Session, t); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, nil
}

func (s *presenceService) watchTopics(r WatchRequest) ([]string, error) {
	switch {
	case r.All && len(r.Users) > 0:
		return nil, malformed("give users or all, not both")
	case r.All || r.Users == nil:
		if !s.watchAll {
			return nil, codec.Errorf(codec.CodeForbidden, "watching everybody is off on this server (option presence.all): name users")
		}
		return []string{presenceAll}, nil
	}
	if err := validUsers(r.Users, MaxPresenceWatch); err != nil {
		return nil, err
	}
	topics := make([]string, len(r.Users))
	for i, u := range r.Users {
		topics[i] = presencePrefix + u
	}
	return topics, nil
}
