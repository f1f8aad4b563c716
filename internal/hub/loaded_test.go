package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pushd/internal/hub"
)

// members is a group's list, or nil when it isn't held.
func members(h *hub.Hub, group string) []string {
	users, _ := h.Group(group)
	return users
}

func TestLoadGroup(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{MaxGroupMembers: 5})
	ctx := t.Context()
	h.JoinGroup("g", "nobody") // not held: nothing happens
	err := h.LoadGroup(ctx, "g", func() ([]string, error) {
		if _, ok := h.Group("g"); ok || h.Loaded("g") {
			t.Error("a group is there before its members are known")
		}
		// These may or may not be part of what is being read.
		h.JoinGroup("g", "cyd")
		h.JoinGroup("g", "dee", "ann")
		h.LeaveGroup("g", "bob", "dee")
		return []string{"bob", "ann", "bob", "dee"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := members(h, "g"); !h.Loaded("g") || !slices.Equal(got, []string{"ann", "cyd"}) {
		t.Errorf("members %q", got)
	}
	before := members(h, "g")
	h.JoinGroup("g", "zoe", "bob")
	h.LeaveGroup("g", "ann", "nobody")
	if got := members(h, "g"); !slices.Equal(got, []string{"bob", "cyd", "zoe"}) {
		t.Errorf("members %q", got)
	}
	if !slices.Equal(before, []string{"ann", "cyd"}) {
		t.Errorf("a list that was given out has changed: %q", before)
	}
	if err := h.LoadGroup(ctx, "g", nil); err != nil {
		t.Errorf("a second load: %v", err)
	}
	h.JoinGroup("g", "1", "2", "3") // over the bound
	if h.Loaded("g") {
		t.Error("a group over its bound is still held")
	}
}

func TestLoadGroupFails(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{MaxGroupMembers: 2})
	lost := errors.New("lost")
	forgets, changes := 0, 0
	for name, tc := range map[string]struct {
		group string
		read  func() ([]string, error)
		want  error
	}{
		"no name":          {"", nil, hub.ErrGroupName},
		"can't be read":    {"g", func() ([]string, error) { return nil, lost }, lost},
		"too many members": {"g", func() ([]string, error) { return []string{"1", "2", "3"}, nil }, hub.ErrGroupFull},
		"forgotten": {"g", func() ([]string, error) {
			forgets++
			h.ForgetGroup("g")
			return nil, nil
		}, hub.ErrGroupStale},
		"forgotten once": {"once", func() ([]string, error) {
			if forgets++; forgets%2 == 1 {
				h.ForgetGroup("once")
			}
			return nil, nil
		}, nil},
		"too many changes": {"g", func() ([]string, error) {
			changes++
			h.JoinGroup("g", "1", "2")
			h.LeaveGroup("g", "1", "2")
			return nil, nil
		}, hub.ErrGroupStale},
	} {
		if err := h.LoadGroup(t.Context(), tc.group, tc.read); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if held := h.Loaded(tc.group); held != (tc.want == nil) {
			t.Errorf("%s: held %v", name, held)
		}
		h.ForgetGroup("once")
		if n := h.Stats().Groups; n != 0 {
			t.Errorf("%s: %d groups are counted", name, n)
		}
	}
}

// TestLoadGroupWaits: who comes while a group is read waits for that, but not
// longer than his context.
func TestLoadGroupWaits(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{})
	began, goOn := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := h.LoadGroup(context.Background(), "g", func() ([]string, error) {
			close(began)
			<-goOn
			return []string{"ann"}, nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-began
	never := func() ([]string, error) {
		t.Error("read twice")
		return nil, nil
	}
	impatient, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.LoadGroup(impatient, "g", never); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	all.Go(func() {
		if err := h.LoadGroup(context.Background(), "g", never); err != nil || !h.Loaded("g") {
			t.Error("the load of another is not enough:", err)
		}
	})
	close(goOn)
	all.Wait()
}

// TestGroupsAreForgotten: over the bound those that can be loaded again go, and
// those that live here alone stay.
func TestGroupsAreForgotten(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{MaxGroups: 100})
	if err := h.SetGroup("ours", []string{"ann"}); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		name := fmt.Sprint("g", i)
		if err := h.LoadGroup(t.Context(), name, func() ([]string, error) { return []string{"ann"}, nil }); err != nil {
			t.Fatal(err)
		}
		h.Group("g0") // is used all the time, and stays
		if n := h.Stats().Groups; n > 100 {
			t.Fatalf("%d groups", n)
		}
	}
	if !h.Loaded("g0") || !h.Loaded("g999") || members(h, "ours") == nil {
		t.Error("what was used last, or can't be loaded, is gone")
	}
	small := newHub(t, newSteps(1), hub.Options{MaxGroups: 1})
	if err := small.SetGroup("ours", nil); err != nil {
		t.Fatal(err)
	}
	if err := small.LoadGroup(t.Context(), "g", nil); !errors.Is(err, hub.ErrGroupsFull) || small.Stats().Groups != 1 {
		t.Errorf("there is no room for it: %v", err)
	}
}

// TestGroupChangesMeetLoads lets members come and go while the group is loaded
// and forgotten again and again: what is held in the end is what was stored.
func TestGroupChangesMeetLoads(t *testing.T) {
	h := newHub(t, newSteps(1), hub.Options{})
	var mu sync.Mutex // a change and its telling are one step, as for the callers
	stored := map[string]bool{}
	read := func() (users []string, err error) {
		mu.Lock()
		defer mu.Unlock()
		for u := range stored {
			users = append(users, u)
		}
		return users, nil
	}
	var changes, loads sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		changes.Go(func() {
			for i := range 300 {
				u := fmt.Sprint("u", w, "-", i%7)
				mu.Lock()
				if stored[u] = !stored[u]; stored[u] {
					h.JoinGroup("g", u)
				} else {
					delete(stored, u)
					h.LeaveGroup("g", u)
				}
				mu.Unlock()
			}
		})
	}
	for range 2 {
		loads.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := h.LoadGroup(context.Background(), "g", read); err != nil && !errors.Is(err, hub.ErrGroupStale) {
					t.Error(err)
				}
				if i%3 == 0 {
					h.ForgetGroup("g")
				}
			}
		})
	}
	changes.Wait()
	close(stop)
	loads.Wait()
	if err := h.LoadGroup(t.Context(), "g", read); err != nil {
		t.Fatal(err)
	}
	want, _ := read()
	slices.Sort(want)
	if got := members(h, "g"); !slices.Equal(got, want) {
		t.Errorf("held %q, stored %q", got, want)
	}
}
