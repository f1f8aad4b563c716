package pushtest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/push"
)

// epoch is the one life of all that a Node remembers.
const epoch = "e1"

// memory is what a topic remembers: the newest of its messages.
type memory struct {
	last   uint64
	frames []codec.Frame
}

func (m *memory) past() push.Past {
	return push.Past{Position: push.Position{Offset: m.last, Epoch: epoch}, First: m.last - uint64(len(m.frames)) + 1}
}

// after are the frames after an offset, which is at least that before the first.
func (m *memory) after(offset uint64) []codec.Frame {
	return m.frames[len(m.frames)-int(m.last-offset):]
}

// fit is how many of the frames fit into the bounds, but at least one when count is.
func fit(frames []codec.Frame, count, maxBytes int) (n int) {
	for _, f := range frames {
		if maxBytes -= len(f); n >= count || n > 0 && maxBytes < 0 {
			break
		}
		n++
	}
	return n
}

// Subscribe implements push.Membership.
func (n *Node) Subscribe(ctx context.Context, session, topic string) error {
	in := n.Topics(session)
	if n.options.MaxTopics > 0 && len(in) >= n.options.MaxTopics && !slices.Contains(in, topic) {
		return codec.Errorf(codec.CodeTooMany, "this session is in too many topics")
	}
	return n.Node.Subscribe(ctx, session, topic)
}

// Remembers implements push.Memory.
func (n *Node) Remembers(topic string) bool { return n.options.History(topic) > 0 }

// Publish implements push.Memory.
func (n *Node) Publish(
	ctx context.Context, topic, except string, stamp codec.Stamp,
) (delivery.Receipt, push.Position, error) {
	if except != "" && !strings.Contains(except, "/") {
		return delivery.Receipt{}, push.Position{}, codec.Errorf(codec.CodeMalformed, "%.40q is not a session id", except)
	}
	n.publishing.Lock()
	defer n.publishing.Unlock()
	at, frame := n.remember(topic, stamp)
	receipt, err := n.Deliver(ctx, delivery.Target{Topics: []string{topic}, Except: except}, frame)
	return receipt, at, err
}

func (n *Node) remember(topic string, stamp codec.Stamp) (push.Position, codec.Frame) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.memoryLocked(topic)
	m.last++
	frame := stamp.At(m.last, epoch)
	m.frames = append(m.frames, frame)
	m.frames = m.frames[max(0, len(m.frames)-n.options.History(topic)):]
	return push.Position{Offset: m.last, Epoch: epoch}, frame
}

func (n *Node) memoryLocked(topic string) *memory {
	if n.memories[topic] == nil {
		n.memories[topic] = &memory{}
	}
	return n.memories[topic]
}

// Join implements push.Memory.
func (n *Node) Join(
	ctx context.Context, session, topic string, since *push.Position, maxBytes int,
) (push.Past, error) {
	n.publishing.Lock()
	defer n.publishing.Unlock()
	if err := n.Subscribe(ctx, session, topic); err != nil || !n.Remembers(topic) {
		return push.Past{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.memoryLocked(topic)
	past := m.past()
	if since == nil || since.Epoch != epoch || since.Offset > m.last || since.Offset+1 < past.First {
		return past, nil
	}
	missed := m.after(since.Offset)
	size := 0
	for _, f := range missed {
		size += len(f)
	}
	if size <= maxBytes {
		past.Frames, past.After, past.Recovered = slices.Clone(missed), since.Offset, true
	}
	return past, nil
}

// History implements push.Memory.
func (n *Node) History(_ context.Context, topic string, after *uint64, count, maxBytes int) (push.Past, error) {
	if !n.Remembers(topic) {
		return push.Past{}, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.memoryLocked(topic)
	past := m.past()
	if after == nil {
		newest := slices.Clone(m.frames)
		slices.Reverse(newest)
		past.After = m.last - uint64(fit(newest, count, maxBytes))
	} else {
		past.After = min(max(*after, past.First-1), m.last)
	}
	rest := m.after(past.After)
	past.Frames = slices.Clone(rest[:fit(rest, count, maxBytes)])
	return past, nil
}

// sessionsIn are the sessions in each topic.
func (n *Node) sessionsIn() map[string][]string {
	in := map[string][]string{}
	for _, s := range n.Sessions() {
		for _, topic := range n.Topics(s) {
			in[topic] = append(in[topic], s)
		}
	}
	return in
}

// Roster implements push.Rosters.
func (n *Node) Roster(_ context.Context, topic string, limit int, cursor string) (r push.Roster, err error) {
	var users []push.OnlineUser
	if n.options.Roster(topic) {
		sessions := n.sessionsIn()[topic]
		users = n.usersOf(sessions)
		r.Count, r.Subscribers = len(users), len(sessions)
	}
	if r.Users, r.Next, err = pageOf(users, limit, cursor); err != nil {
		return push.Roster{}, err
	}
	return r, nil
}

// TopicChanges implements push.Rosters.
func (n *Node) TopicChanges() (all []push.TopicChange) {
	in := n.sessionsIn()
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.told, func(topic string, _ []string) bool { return len(in[topic]) == 0 })
	for _, topic := range slices.Sorted(maps.Keys(in)) {
		if !n.options.Roster(topic) {
			continue
		}
		c := push.TopicChange{Topic: topic, Subscribers: len(in[topic])}
		var now []string
		for _, u := range n.usersOf(in[topic]) {
			now = append(now, u.User)
		}
		was := n.told[topic]
		c.Users = len(now)
		c.Joined = slices.DeleteFunc(slices.Clone(now), func(u string) bool { return slices.Contains(was, u) })
		c.Left = slices.DeleteFunc(slices.Clone(was), func(u string) bool { return slices.Contains(now, u) })
		if n.told[topic] = now; len(c.Joined)+len(c.Left) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// ListTopics implements push.Rosters, in the order of the names.
func (n *Node) ListTopics(
	_ context.Context, limit int, cursor string,
) (topics []push.TopicCount, next string, err error) {
	in := n.sessionsIn()
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if name <= cursor || strings.HasPrefix(name, "$") {
			continue
		}
		if len(topics) == limit {
			return topics, topics[limit-1].Topic, nil
		}
		topics = append(topics, push.TopicCount{Topic: name, Subscribers: len(in[name])})
	}
	return topics, "", nil
}

// TopicUsers implements push.Rosters.
func (n *Node) TopicUsers(_ context.Context, topic string) ([]push.OnlineUser, error) {
	return n.usersOf(n.sessionsIn()[topic]), nil
}
