package chat_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/chat/chattest"
	"pushd/internal/hub"
)

// hubGroups is a node on paper whose groups are the real hub's.
type hubGroups struct {
	*chattest.Node
	hub *hub.Hub
}

type noLoops struct{}

func (noLoops) Len() int                          { return 1 }
func (noLoops) Post(int, func() (more bool)) bool { return true }

// Loaded and the others implement chat.Deliverer.
func (h hubGroups) Loaded(group string) bool { return h.hub.Loaded(group) }

func (h hubGroups) LoadGroup(ctx context.Context, group string, read func() ([]string, error)) error {
	return h.hub.LoadGroup(ctx, group, read)
}
func (h hubGroups) JoinGroup(group string, users ...string)  { h.hub.JoinGroup(group, users...) }
func (h hubGroups) LeaveGroup(group string, users ...string) { h.hub.LeaveGroup(group, users...) }
func (h hubGroups) ForgetGroup(group string)                 { h.hub.ForgetGroup(group) }

// TestTheLiveCopyFollowsTheStore has members come, go and be removed all at once
// while the live copy is loaded and forgotten: at the end it is what the store has.
func TestTheLiveCopyFollowsTheStore(t *testing.T) {
	p := newPeople(t, chat.Options{})
	h, err := hub.New(noLoops{}, hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := chat.New(chat.Ports{Store: p.store, Deliverer: hubGroups{chattest.NewNode(), h}}, chat.Options{})
	ctx := t.Context()
	ok(s.GroupCreate(ctx, admin, chat.GroupCreateRequest{ID: "team", Owner: "olga", Join: chat.JoinOpen, Limit: 100}))(t)

	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 40 {
				user := fmt.Sprintf("user-%d", random.IntN(6)) // few, so that they cross
				var err error
				switch random.IntN(5) {
				case 0, 1:
					_, err = s.GroupJoin(ctx, account.Identity{User: user}, chat.GroupJoinRequest{Group: "team"})
				case 2:
					_, err = s.GroupRemove(ctx, as("olga"), chat.GroupRemoveRequest{Group: "team", User: user})
				case 3:
					h.ForgetGroup("team")
				default:
					err = s.LoadGroup(ctx, "team")
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.LoadGroup(ctx, "team"); err != nil {
		t.Fatal(err)
	}
	live, _ := h.Group("team")
	if stored := ok(p.store.MemberIDs(ctx, "team"))(t); !slices.Equal(live, stored) {
		t.Errorf("the live copy has %q, the store %q", live, stored)
	}
}

// TestWhoWaitsForATurnCanGiveUp: changes of one group are made one after the other.
func TestWhoWaitsForATurnCanGiveUp(t *testing.T) {
	p := newPeople(t, chat.Options{})
	p.team(chat.JoinOpen)
	busy, release := make(chan struct{}), make(chan struct{})
	s := chat.New(chat.Ports{Store: slow{p.store, busy, release}, Deliverer: p.node}, chat.Options{})
	first := make(chan error, 1)
	go func() {
		_, err := s.GroupJoin(context.WithoutCancel(t.Context()), account.Identity{User: "zoe"}, chat.GroupJoinRequest{Group: "team"})
		first <- err
	}()
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.GroupRemove(ctx, admin, chat.GroupRemoveRequest{Group: "team", User: "mia"})
	if err == nil {
		t.Error("removed while another change was made")
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	ok(s.GroupRemove(t.Context(), admin, chat.GroupRemoveRequest{Group: "team", User: "mia"}))(t)
	p.wantMembers("adam", "mike", "olga", "zoe")
}

// slow stops in AddMembers until it is released.
type slow struct {
	chat.Store
	busy, release chan struct{}
}

// AddMembers implements chat.Groups.
func (s slow) AddMembers(ctx context.Context, id string, users []string, in int, now int64) ([]string, error) {
	close(s.busy)
	<-s.release
	return s.Store.AddMembers(ctx, id, users, in, now)
}
