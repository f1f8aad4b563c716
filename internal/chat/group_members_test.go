package chat_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/delivery"
)

// TestMembersFollowTheStore has members come, go and be removed all at once while
// they are read and forgotten: at the end what is held is what the store has.
func TestMembersFollowTheStore(t *testing.T) {
	p := newPeople(t, chat.Options{})
	ctx := t.Context()
	ok(p.GroupCreate(ctx, admin, chat.GroupCreateRequest{ID: "team", Owner: "olga", Join: chat.JoinOpen, Limit: 100}))(t)

	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 40 {
				user := fmt.Sprintf("user-%d", random.IntN(6)) // few, so that they cross
				var err error
				switch random.IntN(5) {
				case 0, 1:
					_, err = p.GroupJoin(ctx, account.Identity{User: user}, chat.GroupJoinRequest{Group: "team"})
				case 2:
					_, err = p.GroupRemove(ctx, as("olga"), chat.GroupRemoveRequest{Group: "team", User: user})
				case 3:
					p.groups.MembersChanged(delivery.MemberChange{Group: "team"})
				default:
					_, _, err = p.groups.Members(ctx, "team")
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	held, _, err := p.groups.Members(ctx, "team")
	stored, _, readErr := p.store.MemberIDs(ctx, "team")
	if err != nil || readErr != nil || !slices.Equal(held, stored) {
		t.Errorf("held are %q, %v; the store has %q", held, err, stored)
	}
}
