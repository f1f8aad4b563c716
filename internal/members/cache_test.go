package members_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/members"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a delivery.MemberSource that a test fills.
type source struct {
	mu       sync.Mutex
	users    map[string][]string
	revision map[string]uint64
	reads    int
	reading  func(group string) error // called in each read, before it returns what was there when it began
}

func newSource() *source {
	return &source{users: map[string][]string{}, revision: map[string]uint64{}}
}

func (s *source) set(group string, users ...string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[group] = users
	s.revision[group]++
	return s.revision[group]
}

func (s *source) Members(_ context.Context, group string) ([]string, uint64, error) {
	s.mu.Lock()
	s.reads++
	users, ok := s.users[group]
	revision, reading := s.revision[group], s.reading
	s.mu.Unlock()
	if reading != nil {
		if err := reading(group); err != nil {
			return nil, 0, err
		}
	}
	if !ok {
		return nil, 0, codec.Errorf(codec.CodeNotFound, "no group %s", group)
	}
	return users, revision, nil
}

func want(t *testing.T, c *members.Cache, group string, users ...string) {
	t.Helper()
	got, _, err := c.Members(t.Context(), group)
	if err != nil || !slices.Equal(got, users) {
		t.Errorf("members of %s are %q, %v; want %q", group, got, err, users)
	}
}

func TestChanges(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(s *source) delivery.MemberChange
		want   []string
		reads  int
	}{
		"a join": {func(s *source) delivery.MemberChange {
			return delivery.MemberChange{Revision: s.set("g", "ann", "bob", "cyd"), Joined: []string{"cyd"}}
		}, []string{"ann", "bob", "cyd"}, 1},
		"who is in joins": {func(s *source) delivery.MemberChange {
			return delivery.MemberChange{Revision: s.set("g", "ann", "bob"), Joined: []string{"bob", "ann", "bob"}}
		}, []string{"ann", "bob"}, 1},
		"a leave": {func(s *source) delivery.MemberChange {
			return delivery.MemberChange{Revision: s.set("g", "bob"), Left: []string{"zoe", "ann"}}
		}, []string{"bob"}, 1},
		"told again": {func(*source) delivery.MemberChange {
			return delivery.MemberChange{Revision: 1, Joined: []string{"cyd"}}
		}, []string{"ann", "bob"}, 1},
		"one is missing": {func(s *source) delivery.MemberChange {
			s.set("g", "ann", "bob", "cyd")
			return delivery.MemberChange{Revision: s.set("g", "ann", "bob", "cyd", "dee"), Joined: []string{"dee"}}
		}, []string{"ann", "bob", "cyd", "dee"}, 2},
		"it isn't known what": {func(s *source) delivery.MemberChange {
			s.set("g", "dee")
			return delivery.MemberChange{}
		}, []string{"dee"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource()
			s.set("g", "ann", "bob")
			c := members.New(s, members.Options{})
			want(t, c, "g", "ann", "bob")
			m := tc.change(s)
			m.Group = "g"
			c.MembersChanged(m)
			want(t, c, "g", tc.want...)
			if s.reads != tc.reads {
				t.Errorf("read %d times, want %d", s.reads, tc.reads)
			}
		})
	}
}

// What changes while members are read is never lost, whether the read was before
// the change or after.
func TestChangeDuringLoad(t *testing.T) {
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprint("revision known: ", known), func(t *testing.T) {
			s := newSource()
			s.set("g", "ann", "bob")
			c := members.New(s, members.Options{})
			s.reading = func(string) error {
				s.reading = nil
				m := delivery.MemberChange{Group: "g", Revision: s.set("g", "bob"), Left: []string{"ann"}}
				if !known {
					m.Revision = 0
				}
				c.MembersChanged(m)
				return nil
			}
			want(t, c, "g", "bob")
			if s.reads != 2 {
				t.Errorf("read %d times, want twice", s.reads)
			}
		})
	}
}

func TestChangesWithoutEnd(t *testing.T) {
	s := newSource()
	s.set("g", "ann")
	c := members.New(s, members.Options{})
	s.reading = func(string) error { c.MembersChanged(delivery.MemberChange{Group: "g"}); return nil }
	_, _, err := c.Members(t.Context(), "g")
	if e := codec.AsError(err); e == nil || e.Code != codec.CodeUnavailable || !e.Temporary {
		t.Errorf("a group that changes all the time: %v, want a temporary 503", err)
	}
	s.reading = nil
	want(t, c, "g", "ann")
}

// With room for one group, whoever asked for another keeps what they got.
func TestBounds(t *testing.T) {
	s := newSource()
	for _, g := range []string{"a", "b", "c"} {
		s.set(g, g+"1", g+"2")
	}
	for name, o := range map[string]members.Options{"groups": {Groups: 1}, "names": {Names: 3}} {
		t.Run(name, func(t *testing.T) {
			c := members.New(s, o)
			for range 2 {
				for _, g := range []string{"a", "b", "c"} {
					want(t, c, g, g+"1", g+"2")
					if n := c.Groups(); n != 1 {
						t.Errorf("%d groups are held, want 1", n)
					}
				}
			}
		})
	}
	t.Run("one larger than all", func(t *testing.T) {
		c := members.New(s, members.Options{Names: 1})
		want(t, c, "a", "a1", "a2")
		want(t, c, "a", "a1", "a2")
	})
	t.Run("joins count", func(t *testing.T) {
		c := members.New(s, members.Options{Names: 4})
		want(t, c, "a", "a1", "a2")
		want(t, c, "b", "b1", "b2")
		c.MembersChanged(delivery.MemberChange{Group: "b", Revision: 2, Joined: []string{"b3"}})
		if n := c.Groups(); n != 1 {
			t.Errorf("%d groups are held, want 1", n)
		}
	})
}

// Many who ask at once cause one read; one who gives up doesn't spoil it for others.
func TestOneReadForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource()
		s.set("g", "ann")
		free := make(chan struct{})
		first, cancel := context.WithCancel(t.Context())
		s.reading = func(string) error {
			select {
			case <-free:
				return nil
			case <-first.Done():
				return first.Err()
			}
		}
		c := members.New(s, members.Options{})
		var all sync.WaitGroup
		all.Go(func() {
			if _, _, err := c.Members(first, "g"); !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up: %v", err)
			}
		})
		synctest.Wait()
		for range 10 {
			all.Go(func() { want(t, c, "g", "ann") })
		}
		impatient, stop := context.WithCancel(t.Context())
		all.Go(func() {
			if _, _, err := c.Members(impatient, "g"); !errors.Is(err, context.Canceled) {
				t.Errorf("who didn't wait: %v", err)
			}
		})
		synctest.Wait()
		stop()
		s.mu.Lock()
		s.reading = func(string) error { <-free; return nil }
		s.mu.Unlock()
		cancel()
		synctest.Wait()
		close(free)
		all.Wait()
		if s.reads != 2 {
			t.Errorf("read %d times, want twice", s.reads)
		}
	})
}

// A user who is gone is in no group that is held, nor in one that is being read.
func TestUserDeleted(t *testing.T) {
	s := newSource()
	s.set("a", "ann", "bob")
	s.set("b", "bob")
	s.set("c", "ann", "cyd")
	c := members.New(s, members.Options{})
	want(t, c, "a", "ann", "bob")
	want(t, c, "b", "bob")
	s.set("a", "bob")
	s.reading = func(group string) error {
		if group == "c" {
			s.reading = nil
			s.set("c", "cyd")
			c.UserDeleted("ann")
		}
		return nil
	}
	want(t, c, "c", "cyd")
	reads := s.reads
	want(t, c, "a", "bob")
	want(t, c, "b", "bob")
	if s.reads != reads+1 {
		t.Errorf("%d groups were read again, want the one that had the user", s.reads-reads)
	}
}

func TestFailures(t *testing.T) {
	s := newSource()
	c := members.New(s, members.Options{})
	_, _, err := c.Members(t.Context(), "nobody's")
	if e := codec.AsError(err); e == nil || e.Code != codec.CodeNotFound {
		t.Errorf("a group that isn't there: %v", err)
	}
	s.set("g", "bob", "ann")
	s.reading = func(string) error { panic("broken source") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the source's panic was swallowed")
			}
		}()
		_, _, _ = c.Members(t.Context(), "g")
	}()
	s.reading = nil
	want(t, c, "g", "ann", "bob") // and what comes unsorted is sorted
	if c.Groups() != 1 {
		t.Errorf("%d groups are held, want 1", c.Groups())
	}
}

// Readers and changes race; in the end all is as the source has it.
func TestStorm(t *testing.T) {
	s := newSource()
	c := members.New(s, members.Options{Groups: 3})
	var all sync.WaitGroup
	for g := range 5 {
		group := fmt.Sprint("g", g)
		s.set(group)
		all.Go(func() {
			var in []string
			for i := range 200 {
				user := fmt.Sprintf("u%03d", i)
				in = append(slices.Clone(in), user)
				m := delivery.MemberChange{Group: group, Joined: []string{user}}
				if i%3 == 0 {
					m.Left, in = []string{in[0]}, in[1:]
				}
				m.Revision = s.set(group, in...)
				c.MembersChanged(m)
			}
		})
		all.Go(func() {
			for range 200 {
				if _, _, err := c.Members(t.Context(), group); err != nil && codec.AsError(err).Code != codec.CodeUnavailable {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for g := range 5 {
		group := fmt.Sprint("g", g)
		want(t, c, group, s.users[group]...)
	}
}
