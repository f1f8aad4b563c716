package push

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"pushd/internal/account"
	"pushd/internal/codec"
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

// PresenceOnline tells a client which of up to MaxPresenceOnline users are
// online, and on which platforms.
func (s *Service) PresenceOnline(_ context.Context, id account.Identity, r PresenceRequest) (CheckUsersReply, error) {
	if err := socketOnly(id); err != nil {
		return CheckUsersReply{}, err
	}
	return s.checkUsers(r.Users, MaxPresenceOnline)
}

// PresenceSubscribe lets a client's session watch users, or everybody where
// Options.PresenceAll permits. When a bound stops it half way (429), the users
// up to there are watched.
func (s *Service) PresenceSubscribe(ctx context.Context, id account.Identity, r WatchRequest) (WatchReply, error) {
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
		if err := s.ports.Topics.Subscribe(ctx, id.Session, t); err != nil {
			return WatchReply{}, err
		}
	}
	if len(r.Users) == 0 {
		return WatchReply{Online: []OnlineUser{}}, nil
	}
	return WatchReply{Online: notNil(s.ports.Directory.CheckUsers(r.Users))}, nil
}

// PresenceUnsubscribe ends what the same PresenceSubscribe began.
func (s *Service) PresenceUnsubscribe(ctx context.Context, id account.Identity, r WatchRequest) (struct{}, error) {
	if err := socketOnly(id); err != nil {
		return struct{}{}, err
	}
	topics, err := s.watchTopics(r)
	if err != nil {
		return struct{}{}, err
	}
	for _, t := range topics {
		if err := s.ports.Topics.Unsubscribe(ctx, id.Session, t); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, nil
}

func (s *Service) watchTopics(r WatchRequest) ([]string, error) {
	switch {
	case r.All && len(r.Users) > 0:
		return nil, malformed("give users or all, not both")
	case r.All || r.Users == nil:
		if !s.opts.PresenceAll {
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

// maxDigest is how many users one presence push lists; its count tells all.
const maxDigest = 1_000

// maxDigestBytes bounds the names in it, so that a digest of long ones does not
// take up a slow client's send buffer.
const maxDigestBytes = 32 << 10

// presenceDigest is the Data of the pushes presence.Online and .Offline. The
// platforms are those that came, or went.
type presenceDigest struct {
	Users []OnlineUser `json:"users"`
	Count int          `json:"count"`
	Time  int64        `json:"time"`
}

// onlinePlatforms is where a user is online now.
func (s *Service) onlinePlatforms(user string) (set uint64) {
	for _, u := range s.ports.Directory.CheckUsers([]string{user}) {
		set |= s.platformSet(u.Platforms)
	}
	return set
}

// digest sends what changed since the last one to who watches.
func (s *Service) digest(ctx context.Context) {
	if !s.watched.Load() {
		return
	}
	users, overflow := s.changes.take()
	if users == nil {
		return
	}
	everybody := s.ports.Topics.Subscribers(presenceAll) > 0
	var came, went []OnlineUser
	for u, c := range users {
		topic := presencePrefix + u
		watched := s.ports.Topics.Subscribers(topic) > 0
		if !watched && !everybody {
			continue
		}
		// Two loops may have reported in the wrong order who came and who went in
		// the same instant; the directory knows how it ended.
		is := s.onlinePlatforms(u) & c.seen
		on, off := is&^c.was, c.was&^is
		if on|off == 0 {
			continue // came and went, or went and came, within the second
		}
		if on != 0 {
			one := OnlineUser{User: u, Platforms: s.platformList(on)}
			came = append(came, one)
			if watched {
				s.announce(ctx, topic, "Online", []OnlineUser{one}, 1)
			}
		}
		if off != 0 {
			one := OnlineUser{User: u, Platforms: s.platformList(off)}
			went = append(went, one)
			if watched {
				s.announce(ctx, topic, "Offline", []OnlineUser{one}, 1)
			}
		}
	}
	if everybody {
		s.announce(ctx, presenceAll, "Online", came, len(came)+overflow[1])
		s.announce(ctx, presenceAll, "Offline", went, len(went)+overflow[0])
	}
}

func (s *Service) announce(ctx context.Context, topic, action string, users []OnlineUser, count int) {
	if count == 0 {
		return
	}
	slices.SortFunc(users, func(a, b OnlineUser) int { return strings.Compare(a.User, b.User) })
	listed, size := 0, 0
	for listed < min(len(users), maxDigest) && size < maxDigestBytes {
		size += len(users[listed].User)
		listed++
	}
	frame, err := codec.Push("presence", action, presenceDigest{
		Users: notNil(users[:listed]), Count: count, Time: s.clock().UnixMilli(),
	})
	if err == nil {
		_, err = s.ports.Deliverer.Deliver(ctx, Target{Topics: []string{topic}}, frame)
	}
	if err != nil {
		s.log.Warn("presence digest not delivered", slog.String("topic", topic), slog.String("action", action), slog.Any("cause", err))
	}
}
