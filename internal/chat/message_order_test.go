package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"pushd/internal/chat"
)

// TestManySendersAtOnce: whoever sends at the same moment, users or backends, everybody
// gets the messages in the order of their seqs.
func TestManySendersAtOnce(t *testing.T) {
	const senders, messages = 16, 20
	p := newPeople(t, chat.Options{}, "olga/web", "mia/web")
	p.team(chat.JoinOpen)
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			from := as([]string{"olga", "adam", "mike"}[i%3])
			from.Session = ""
			for k := range messages {
				if i%4 == 3 {
					if _, err := p.SendPush(t.Context(), pusher, "group:team", []byte(`{}`), 0, ""); err != nil {
						t.Error(err)
					}
					continue
				}
				if _, err := p.Send(t.Context(), from, text("group:team", fmt.Sprint(i, " ", k))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	var last uint64
	for _, push := range p.node.Take("mia/web") {
		var m chat.Message
		if err := json.Unmarshal(push.Data, &m); err != nil {
			t.Fatal(err)
		}
		if last != 0 && m.Seq != last+1 {
			t.Fatalf("%d came after %d", m.Seq, last)
		}
		last = m.Seq
	}
	if n := p.LinesWaiting(); n != 0 {
		t.Errorf("%d conversations have messages to deliver", n)
	}
}

// TestWhoGaveUpHoldsUpNobody: a message that is committed after its sender has gone is
// not waited for.
func TestWhoGaveUpHoldsUpNobody(t *testing.T) {
	w := newWorld(t, chat.Options{})
	late := &lateStore{Store: w.store}
	s := chat.New(chat.Ports{Store: late, Deliverer: w.node, Members: w.groups, Presence: w.node}, chat.Options{})
	if _, err := s.Send(t.Context(), as("alice"), text("user:bob", "lost")); err == nil {
		t.Error("no error for who gave up")
	}
	late.committed() // the database gets to it now
	late.plain = true
	ok(s.Send(t.Context(), as("alice"), text("user:bob", "next")))(t)
	w.wantGot("bob/web", "chat.Message 1 alice next")
}

// lateStore gives up on the first message, and commits it later.
type lateStore struct {
	chat.Store
	plain     bool
	committed func()
}

// Append implements chat.Messages.
func (s *lateStore) Append(ctx context.Context, d chat.Draft) (chat.Message, bool, error) {
	if s.plain {
		return s.Store.Append(ctx, d)
	}
	s.committed = d.Committed
	return chat.Message{}, false, context.DeadlineExceeded
}
