package push

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Bounds of one digest. Its count tells all, also of those it doesn't name.
const (
	maxDigest      = 1_000    // users that it names
	maxDigestBytes = 64 << 10 // so that it doesn't take up a slow client's send buffer
	// digestTraffic is how many bytes of names go out for one digest to all of its
	// receivers together: the more there are, the fewer names they get.
	digestTraffic = 16 << 20
	// digestWrites is how many sessions a second learn who came and went among
	// all. To more of them digests go less often.
	digestWrites = 20_000
	// entryBytes is what a user in a digest takes beside the name.
	entryBytes = 40
)

// PresenceDigest is the data of the pushes presence.Online and .Offline. The
// platforms are those that came, or went.
type PresenceDigest struct {
	Users []OnlineUser `json:"users"` // at most 1,000; the platforms are those that came, or went
	Count int          `json:"count"` // all of them
	Time  int64        `json:"time"`  // Unix milliseconds
}

// moved is a user and the platforms on which it came, or went.
type moved struct {
	user      string
	platforms uint64
}

// onlinePlatforms is where a user is online now.
func (s *presenceService) onlinePlatforms(ctx context.Context, user string) (set uint64) {
	online, err := s.directory.CheckUsers(ctx, []string{user})
	if err != nil {
		s.log.Warn("who is online isn't known: a digest lacks a user", slog.String("user", user), slog.Any("error", err))
	}
	for _, u := range online {
		set |= s.platforms.set(u.Platforms)
	}
	return set
}

// settled is where a user came and went in the end. Two loops may have reported in
// the wrong order who came and who went in the same instant; the directory
// knows how it ended. Who did both within the digest's time did neither.
func (s *presenceService) settled(ctx context.Context, user string, c *change) (came, went moved) {
	is := s.onlinePlatforms(ctx, user) & c.seen
	return moved{user, is &^ c.was}, moved{user, c.was &^ is}
}

// subscribers is how many sessions are in a topic; 0 when that isn't known now.
func (s *presenceService) subscribers(ctx context.Context, topic string) int {
	n, err := s.topics.Subscribers(ctx, topic)
	if err != nil {
		s.log.Warn("who watches isn't known: a digest is not sent", slog.String("topic", topic), slog.Any("error", err))
	}
	return n
}

// digest sends what changed since the last one to who watches.
func (s *presenceService) digest(ctx context.Context) {
	if !s.watched.Load() {
		return
	}
	users, overflow := s.changes.take()
	if users == nil {
		return
	}
	watchers := s.subscribers(ctx, presenceAll)
	if s.announces {
		watchers = 0 // the announcement is for them too
	}
	var came, went []moved
	for u, c := range users {
		topic := presencePrefix + u
		watched := s.subscribers(ctx, topic)
		if watched == 0 && watchers == 0 {
			continue
		}
		on, off := s.settled(ctx, u, c)
		came, went = appendMoved(came, on), appendMoved(went, off)
		if watched > 0 {
			to := delivery.Target{Topics: []string{topic}}
			s.sendPresence(ctx, to, onlinePush, appendMoved(nil, on), 0, watched)
			s.sendPresence(ctx, to, offlinePush, appendMoved(nil, off), 0, watched)
		}
	}
	if watchers > 0 {
		to := delivery.Target{Topics: []string{presenceAll}}
		s.sendPresence(ctx, to, onlinePush, came, overflow[1], watchers)
		s.sendPresence(ctx, to, offlinePush, went, overflow[0], watchers)
	}
}

// announce sends what changed since the last one to every session.
func (s *presenceService) announce(ctx context.Context) {
	if !s.announces {
		return
	}
	counts, err := s.directory.Counts(ctx)
	if err != nil {
		s.log.Warn("a digest of who came and went waits for the next try", slog.Any("error", err))
		return
	}
	now, sessions := s.clock.Now(), counts.Sessions
	if every := time.Duration(sessions/digestWrites) * time.Second; now.Sub(s.announcedAt) < every {
		return
	}
	users, overflow := s.announced.take()
	if users == nil {
		return
	}
	s.announcedAt = now
	var came, went []moved
	for u, c := range users {
		on, off := s.settled(ctx, u, c)
		came, went = appendMoved(came, on), appendMoved(went, off)
	}
	to := delivery.Target{Everyone: true}
	s.sendPresence(ctx, to, onlinePush, came, overflow[1], sessions)
	s.sendPresence(ctx, to, offlinePush, went, overflow[0], sessions)
}

func appendMoved(list []moved, m moved) []moved {
	if m.platforms == 0 {
		return list
	}
	return append(list, m)
}

// digestBudget is how many bytes of users a digest to so many receivers may have.
func digestBudget(receivers int) int { return min(maxDigestBytes, digestTraffic/max(receivers, 1)) }

// sendPresence sends one digest of users, and of more that are only counted. It changes
// the order of users.
func (s *presenceService) sendPresence(
	ctx context.Context, to delivery.Target, p codec.PushType[PresenceDigest], users []moved, more, receivers int,
) {
	d := PresenceDigest{Users: []OnlineUser{}, Count: len(users) + more, Time: s.clock.Now().UnixMilli()}
	if d.Count == 0 {
		return
	}
	users = users[:min(len(users), maxDigest)]
	slices.SortFunc(users, func(a, b moved) int { return strings.Compare(a.user, b.user) })
	left := digestBudget(receivers)
	for _, u := range users {
		if left -= len(u.user) + entryBytes; left < 0 {
			break
		}
		d.Users = append(d.Users, OnlineUser{User: u.user, Platforms: s.platforms.list(u.platforms)})
	}
	sendDigest(ctx, s.deliverer, s.log, to, p.With(d))
}

// sendDigest delivers a digest; one that fails is not sent again.
func sendDigest(ctx context.Context, deliverer delivery.Deliverer, log *slog.Logger, to delivery.Target, p codec.Push) {
	frame, err := p.Frame()
	if err == nil {
		_, err = deliverer.Deliver(ctx, to, frame)
	}
	if err != nil {
		log.Warn("presence digest not delivered",
			slog.Any("topics", to.Topics), slog.String("push", p.Name()), slog.Any("error", err))
	}
}
