package push

import (
	"context"

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
func (s *Service) PresenceOnline(ctx context.Context, id account.Identity, r PresenceRequest) (CheckUsersReply, error) {
	if err := socketOnly(id); err != nil {
		return CheckUsersReply{}, err
	}
	return s.checkUsers(ctx, r.Users, MaxPresenceOnline)
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
	online, err := s.ports.Directory.CheckUsers(ctx, r.Users)
	return WatchReply{Online: notNil(online)}, err
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
