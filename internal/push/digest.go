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
	// receivers together: the more there are, the fewer names they are told.
	digestTraffic = 16 << 20
	// digestWrites is how many sessions a second are told who came and went among
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

// TopicDigest is the data of the push topic.Presence.
type TopicDigest struct {
	Topic  string   `json:"topic"`
	Joined []string `json:"joined"`
	Left   []string `json:"left"`
	Count  int      `json:"count"`          // users in the topic now
	More   bool     `json:"more,omitempty"` // too many came and went to name them
	Time   int64    `json:"time"`
}

// moved is a user and the platforms on which it came, or went.
type moved struct {
	user      string
	platforms uint64
}

// onlinePlatforms is where a user is online now.
func (s *Service) onlinePlatforms(ctx context.Context, user string) (set uint64) {
	online, err := s.ports.Directory.CheckUsers(ctx, []string{user})
	if err != nil {
		s.log.Warn("who is online isn't known: a digest lacks a user", slog.String("user", user), slog.Any("error", err))
	}
	for _, u := range online {
		set |= s.platformSet(u.Platforms)
	}
	return set
}

// settled is where a user came and went in the end. Two loops may have reported in
// the wrong order who came and who went in the same instant; the directory
// knows how it ended. Who did both within the digest's time did neither.
func (s *Service) settled(ctx context.Context, user string, c *change) (came, went moved) {
	is := s.onlinePlatforms(ctx, user) & c.seen
	return moved{user, is &^ c.was}, moved{user, c.was &^ is}
}

// subscribers is how many sessions are in a topic; 0 when that isn't known now.
func (s *Service) subscribers(ctx context.Context, topic string) int {
	n, err := s.ports.Topics.Subscribers(ctx, topic)
	if err != nil {
		s.log.Warn("who watches isn't known: a digest is not sent", slog.String("topic", topic), slog.Any("error", err))
	}
	return n
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
	watchers := s.subscribers(ctx, presenceAll)
	if s.opts.PresenceAnnounce {
		watchers = 0 // they are told with everybody
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
			s.tell(ctx, to, onlinePush, appendMoved(nil, on), 0, watched)
			s.tell(ctx, to, offlinePush, appendMoved(nil, off), 0, watched)
		}
	}
	if watchers > 0 {
		to := delivery.Target{Topics: []string{presenceAll}}
		s.tell(ctx, to, onlinePush, came, overflow[1], watchers)
		s.tell(ctx, to, offlinePush, went, overflow[0], watchers)
	}
}

// announce tells every session who came and went.
func (s *Service) announce(ctx context.Context) {
	if !s.opts.PresenceAnnounce {
		return
	}
	counts, err := s.ports.Directory.Counts(ctx)
	if err != nil {
		s.log.Warn("a digest of who came and went waits for the next try", slog.Any("error", err))
		return
	}
	now, sessions := s.clock(), counts.Sessions
	if every := time.Duration(sessions/digestWrites) * time.Second; now.Sub(s.told) < every {
		return
	}
	users, overflow := s.crowd.take()
	if users == nil {
		return
	}
	s.told = now
	var came, went []moved
	for u, c := range users {
		on, off := s.settled(ctx, u, c)
		came, went = appendMoved(came, on), appendMoved(went, off)
	}
	to := delivery.Target{Everyone: true}
	s.tell(ctx, to, onlinePush, came, overflow[1], sessions)
	s.tell(ctx, to, offlinePush, went, overflow[0], sessions)
}

func appendMoved(list []moved, m moved) []moved {
	if m.platforms == 0 {
		return list
	}
	return append(list, m)
}

// digestBudget is how many bytes of users a digest to so many receivers may have.
func digestBudget(receivers int) int { return min(maxDigestBytes, digestTraffic/max(receivers, 1)) }

// tell sends one digest of users, and of more that are only counted. It changes
// the order of users.
func (s *Service) tell(ctx context.Context, to delivery.Target, p codec.PushType[PresenceDigest], users []moved, more, receivers int) {
	d := PresenceDigest{Users: []OnlineUser{}, Count: len(users) + more, Time: s.clock().UnixMilli()}
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
		d.Users = append(d.Users, OnlineUser{User: u.user, Platforms: s.platformList(u.platforms)})
	}
	s.send(ctx, to, p.With(d))
}

// topicDigests tells the members of topics who joined them and left.
func (s *Service) topicDigests(ctx context.Context) {
	for _, c := range s.ports.Topics.TopicChanges() {
		d := TopicDigest{
			Topic: c.Topic, Joined: notNil(c.Joined), Left: notNil(c.Left),
			Count: c.Users, More: c.More, Time: s.clock().UnixMilli(),
		}
		left := digestBudget(c.Subscribers)
		for _, list := range [][]string{c.Joined, c.Left} {
			for _, u := range list {
				left -= len(u) + 3
			}
		}
		if left < 0 {
			// A part of them is of no use to who keeps a list: it has to ask anyway.
			d.Joined, d.Left, d.More = []string{}, []string{}, true
		}
		s.send(ctx, delivery.Target{Topics: []string{c.Topic}}, topicPresencePush.With(d))
	}
}

func (s *Service) send(ctx context.Context, to delivery.Target, p codec.Push) {
	frame, err := p.Frame()
	if err == nil {
		_, err = s.ports.Deliverer.Deliver(ctx, to, frame)
	}
	if err != nil {
		s.log.Warn("presence digest not delivered", slog.Any("topics", to.Topics), slog.String("push", p.Name()), slog.Any("error", err))
	}
}
