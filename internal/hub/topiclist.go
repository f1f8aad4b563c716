package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// TopicCount is a topic and how many sessions are in it.
type TopicCount struct {
	Name     string
	Sessions int
}

// ListTopics lists topics with subscribers, from after the topic named by the
// cursor, "" being the start; next is "" at the end. The server's own, which
// begin with $, are left out. The order is stable while the process runs. One
// call looks at as many shards as it takes to fill the page.
func (h *Hub) ListTopics(limit int, cursor string) (topics []TopicCount, next string) {
	first := 0
	if cursor != "" {
		first = shardOf(h.hash(cursor))
	}
	limit = max(limit, 1)
	for i := first; i < shards; i++ {
		after := ""
		if i == first {
			after = cursor
		}
		found := h.topics[i].after(after)
		slices.SortFunc(found, func(a, b TopicCount) int { return cmp.Compare(a.Name, b.Name) })
		topics = append(topics, found...)
		if len(topics) >= limit {
			topics = topics[:limit]
			return topics, topics[limit-1].Name
		}
	}
	return topics, ""
}

func (t *topicShard) after(name string) (found []TopicCount) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range t.byName.m {
		if topic.name <= name || own(topic.name) {
			continue
		}
		n := 0
		for _, r := range topic.rooms {
			n += int(r.refs)
		}
		found = append(found, TopicCount{topic.name, n})
	}
	return found
}

// TopicUsers returns who is in a topic, ascending by name. The loops are asked
// through their mailboxes and look in slices, as if a message went round, so it
// must not be called on a loop. Who comes or goes meanwhile may be in or not.
// Errors are ErrBusy and the context's.
func (h *Hub) TopicUsers(ctx context.Context, name string) ([]OnlineUser, error) {
	rooms := h.rooms(nil, name)
	found := make(chan map[string]uint64, len(rooms)) // room for all: a late loop never waits
	for _, rc := range rooms {
		users := make(map[string]uint64, rc.n)
		v := &visit{
			member: func(s *Session) { users[s.User] |= 1 << s.Platform },
			done:   func() { found <- users },
		}
		if !rc.room.enqueue(fanOut{visit: v}) {
			return nil, ErrBusy
		}
	}
	all := make(map[string]uint64)
	for range rooms {
		select {
		case users := <-found:
			for u, platforms := range users {
				all[u] |= platforms
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("hub: users of a topic: %w", ctx.Err())
		}
	}
	list := make([]OnlineUser, 0, len(all))
	for u, platforms := range all {
		list = append(list, OnlineUser{u, platforms})
	}
	slices.SortFunc(list, func(a, b OnlineUser) int { return cmp.Compare(a.User, b.User) })
	return list, nil
}
