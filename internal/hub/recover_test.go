package hub_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pushd/internal/hub"
)

// remember makes a hub whose topics that begin with "r" keep size messages.
func remember(t testing.TB, loops hub.Loops, size int, opt hub.Options) *hub.Hub {
	opt.History = func(topic string) hub.History {
		if strings.HasPrefix(topic, "r") {
			return hub.History{Size: size}
		}
		return hub.History{}
	}
	return newHub(t, loops, opt)
}

// publish gives a topic its next message, whose text is the offset.
func publish(t testing.TB, h *hub.Hub, topic string) hub.Position {
	t.Helper()
	_, at, err := h.Publish(topic, 0, func(p hub.Position) []byte { return fmt.Appendf(nil, "%d\n", p.Offset) })
	if err != nil {
		t.Fatalf("Publish(%s): %v", topic, err)
	}
	return at
}

func join(t testing.TB, h *hub.Hub, c *client, topic string, since *hub.Position) hub.Past {
	t.Helper()
	p, err := h.Join(&c.Session, topic, since, 1<<20)
	if err != nil {
		t.Fatalf("Join(%s): %v", topic, err)
	}
	return p
}

func texts(frames [][]byte) (all []string) {
	for _, f := range frames {
		all = append(all, strings.TrimSuffix(string(f), "\n"))
	}
	return all
}

func TestRecovery(t *testing.T) {
	s := newSteps(1)
	h := remember(t, s, 5, hub.Options{})
	a := login(t, h, "ann", 1, 0)
	void := join(t, h, a, "room", nil)
	if void.Offset != 0 || void.Epoch == 0 || void.Recovered || void.First != 1 {
		t.Errorf("position before the first message %+v", void)
	}
	var at hub.Position
	for range 3 {
		at = publish(t, h, "room")
	}
	if at.Epoch != void.Epoch || at.Offset != 3 {
		t.Errorf("the third message is at %+v of a life that begins at %+v", at, void.Position)
	}
	for range 4 {
		at = publish(t, h, "room") // 3 to 7 are remembered
	}
	for name, tc := range map[string]struct {
		since hub.Position
		want  []string
		ok    bool
	}{
		"all that is there":      {hub.Position{Offset: 2, Epoch: at.Epoch}, []string{"3", "4", "5", "6", "7"}, true},
		"some":                   {hub.Position{Offset: 5, Epoch: at.Epoch}, []string{"6", "7"}, true},
		"nothing was missed":     {at, nil, true},
		"one is forgotten":       {hub.Position{Offset: 1, Epoch: at.Epoch}, nil, false},
		"from the beginning":     {void.Position, nil, false},
		"another life":           {hub.Position{Offset: 5, Epoch: at.Epoch + 1}, nil, false},
		"no life":                {hub.Position{Offset: 5}, nil, false},
		"ahead of what there is": {hub.Position{Offset: 8, Epoch: at.Epoch}, nil, false},
		"far ahead":              {hub.Position{Offset: 1<<64 - 1, Epoch: at.Epoch}, nil, false},
	} {
		b := login(t, h, "bob", 1, 0)
		p := join(t, h, b, "room", &tc.since)
		if p.Position != at || p.Recovered != tc.ok || !slices.Equal(texts(p.Frames), tc.want) || p.First != 3 {
			t.Errorf("%s: %+v %q", name, p, texts(p.Frames))
		}
		publish(t, h, "other") // not remembered, but nothing refuses it
		h.Remove(&b.Session)
	}
	if st := h.Stats(); st.Recovered != 3 || st.Unrecovered != 6 || st.Remembered != 2 {
		t.Errorf("%+v", st)
	}
	b := login(t, h, "bob", 1, 0)
	if p, err := h.Join(&b.Session, "room", &hub.Position{Offset: 3, Epoch: at.Epoch}, 7); err != nil || p.Recovered || p.Frames != nil {
		t.Errorf("four messages of 2 bytes in 7: %+v, %v", p, err)
	}
	mustBeConsistent(t, h, s)
}

// A subscriber gets what is published after it came, once, whatever stands in
// line when it comes, joined frames and walks that are on included.
func TestJoinSkipsWhatIsInLine(t *testing.T) {
	for name, window := range map[string]time.Duration{"at once": 0, "merge window": time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newSteps(1)
			h := remember(t, s, 100, hub.Options{Slice: 1, MergeWindow: func(string) time.Duration { return window }})
			a, b := login(t, h, "ann", 1, 0), login(t, h, "bob", 1, 0)
			join(t, h, a, "room", nil)
			join(t, h, b, "room", nil)
			publish(t, h, "room")
			publish(t, h, "room")
			late := login(t, h, "cyd", 1, 0)
			p := join(t, h, late, "room", nil)
			at := publish(t, h, "room")
			publish(t, h, "room")
			if p.Offset != 2 {
				t.Errorf("joined at %+v", p)
			}
			s.turn(0) // one member has the first frames
			// Both come back from 1: what is in line and what they have already must
			// not come again.
			since := hub.Position{Offset: 1, Epoch: at.Epoch}
			for _, c := range []*client{a, b} {
				c.got = nil
				c.got = texts(join(t, h, c, "room", &since).Frames)
			}
			publish(t, h, "room")
			s.settle()
			wantGot(t, late, "3", "4", "5")
			wantGot(t, a, "2", "3", "4", "5")
			wantGot(t, b, "2", "3", "4", "5")
			mustBeConsistent(t, h, s)
		})
	}
}

func TestJoinOfATopicThatIsNotRemembered(t *testing.T) {
	s := newSteps(1)
	h := remember(t, s, 5, hub.Options{})
	a := login(t, h, "ann", 1, 0)
	p := join(t, h, a, "news", &hub.Position{Offset: 1, Epoch: 1})
	if p.Recovered || p.Epoch != 0 || h.Subscribers("news") != 1 {
		t.Errorf("%+v, %d subscribers", p, h.Subscribers("news"))
	}
	if p := h.ReadHistory("news", nil, 5, 100); p.Epoch != 0 || h.Remembers("news") || h.Remembers("$r") {
		t.Error("remembered")
	}
	if _, err := h.Join(&a.Session, strings.Repeat("r", 500), nil, 0); !errors.Is(err, hub.ErrTopicName) {
		t.Errorf("a name too long: %v", err)
	}
}

func TestReadHistory(t *testing.T) {
	h := remember(t, newSteps(1), 5, hub.Options{})
	if p := h.ReadHistory("room", nil, 5, 100); p.Offset != 0 || p.First != 1 || p.Epoch == 0 {
		t.Errorf("before the first message: %+v", p)
	}
	for range 8 {
		publish(t, h, "room") // 4 to 8 are remembered, 2 bytes each
	}
	from := func(n uint64) *uint64 { return &n }
	for name, tc := range map[string]struct {
		after        *uint64
		count, limit int
		want         []string
	}{
		"newest":               {nil, 3, 100, []string{"6", "7", "8"}},
		"newest within bytes":  {nil, 3, 4, []string{"7", "8"}},
		"one at least":         {nil, 3, 1, []string{"8"}},
		"all":                  {nil, 50, 100, []string{"4", "5", "6", "7", "8"}},
		"after":                {from(5), 2, 100, []string{"6", "7"}},
		"after within bytes":   {from(5), 3, 4, []string{"6", "7"}},
		"after, one at least":  {from(5), 3, 1, []string{"6"}},
		"after what is gone":   {from(0), 2, 100, []string{"4", "5"}},
		"after the last":       {from(8), 2, 100, nil},
		"after what will come": {from(1 << 63), 2, 100, nil},
	} {
		p := h.ReadHistory("room", tc.after, tc.count, tc.limit)
		if p.Offset != 8 || p.First != 4 || !slices.Equal(texts(p.Frames), tc.want) {
			t.Errorf("%s: %+v %q", name, p, texts(p.Frames))
		}
		if len(tc.want) > 0 && fmt.Sprint(p.After+1) != tc.want[0] {
			t.Errorf("%s: after %d", name, p.After)
		}
	}
}

func TestHistoryIsForgotten(t *testing.T) {
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	old := func(h *hub.Hub, topic string) []string {
		return texts(h.ReadHistory(topic, nil, 100, 1<<20).Frames)
	}
	t.Run("by age", func(t *testing.T) {
		h := newHub(t, newSteps(1), hub.Options{Now: clock, History: func(string) hub.History { return hub.History{Size: 9, For: time.Minute} }})
		publish(t, h, "room")
		now = now.Add(30 * time.Second)
		publish(t, h, "room")
		now = now.Add(30 * time.Second)
		before := h.Stats().MemoryBytes
		h.Sweep()
		if after := h.Stats().MemoryBytes; after >= before {
			t.Errorf("%d bytes after %d", after, before)
		}
		if got := old(h, "room"); !slices.Equal(got, []string{"2"}) {
			t.Errorf("after a minute: %q", got)
		}
		a := login(t, h, "ann", 1, 0)
		now = now.Add(time.Hour)
		p := join(t, h, a, "room", nil)
		if p.Offset != 2 || p.First != 3 {
			t.Errorf("after all are gone: %+v", p)
		}
		if p = join(t, h, a, "room", &p.Position); !p.Recovered {
			t.Error("who missed nothing recovers, also from nothing")
		}
	})
	t.Run("oldest topics", func(t *testing.T) {
		s := newSteps(1)
		h := remember(t, s, 5, hub.Options{MaxHistory: 2})
		a := login(t, h, "ann", 1, 0)
		first := publish(t, h, "r1")
		publish(t, h, "r2")
		publish(t, h, "r1")
		join(t, h, a, "r2", nil)
		void := join(t, h, a, "r4", nil)
		publish(t, h, "r3") // r2 goes: r1 was published to later
		if got := h.Stats(); got.Remembered != 2 || got.Forgotten != 1 {
			t.Errorf("%+v", got)
		}
		if p := join(t, h, a, "r1", &first); !p.Recovered || len(p.Frames) != 1 {
			t.Errorf("r1: %+v", p)
		}
		again := publish(t, h, "r2")
		if again.Offset != 1 || again.Epoch == first.Epoch {
			t.Errorf("the second life of r2 begins at %+v", again)
		}
		if p := join(t, h, a, "r2", &hub.Position{Offset: 1, Epoch: first.Epoch}); p.Recovered {
			t.Error("a place in the first life was recovered in the second")
		}
		// Nothing was published to r4, but that can't be known any more.
		if p := join(t, h, a, "r4", &void.Position); p.Recovered {
			t.Errorf("r4: %+v", p)
		}
		mustBeConsistent(t, h, s)
	})
	t.Run("bytes", func(t *testing.T) {
		h := remember(t, newSteps(1), 1000, hub.Options{MaxHistoryBytes: 8 << 10})
		for range 100 {
			publish(t, h, "r1")
		}
		one := h.Stats().MemoryBytes
		if one > 1<<10 {
			t.Errorf("one topic has %d bytes of 8 KiB", one)
		}
		for i := range 50 {
			for range 20 {
				publish(t, h, fmt.Sprint("r", i))
			}
		}
		if st := h.Stats(); st.MemoryBytes > 8<<10 || st.Remembered < 7 || st.Forgotten < 40 {
			t.Errorf("%+v", st)
		}
		if len(old(h, "r49")) == 0 || len(old(h, "r1")) > 0 {
			t.Error("not the oldest went")
		}
	})
}

// When a loop is too busy, its members find a gap, and recover.
func TestPublishBusy(t *testing.T) {
	s := newSteps(2)
	h := remember(t, s, 5, hub.Options{})
	a, b := login(t, h, "ann", 1, 0), login(t, h, "bob", 1, 1)
	join(t, h, a, "room", nil)
	since := join(t, h, b, "room", nil).Position
	s.setFull(1, true)
	rec, _, err := h.Publish("room", 0, func(hub.Position) []byte { return []byte("1\n") })
	if !errors.Is(err, hub.ErrBusy) || rec.Sessions != 1 {
		t.Errorf("%+v, %v", rec, err)
	}
	s.setFull(1, false)
	publish(t, h, "room")
	s.settle()
	wantGot(t, a, "1", "2")
	wantGot(t, b, "2")
	if p := join(t, h, b, "room", &since); !slices.Equal(texts(p.Frames), []string{"1", "2"}) {
		t.Errorf("%+v", p)
	}
}

func TestPublishExcept(t *testing.T) {
	s := newSteps(1)
	h := remember(t, s, 5, hub.Options{})
	a, b := login(t, h, "ann", 1, 0), login(t, h, "bob", 1, 0)
	subscribe(t, h, a, "room")
	subscribe(t, h, b, "room")
	if _, at, err := h.Publish("room", a.ID, func(hub.Position) []byte { return []byte("x\n") }); at.Offset != 1 || err != nil {
		t.Errorf("%+v, %v", at, err)
	}
	s.settle()
	wantGot(t, a)
	wantGot(t, b, "x")
}

func TestTopicsPerUser(t *testing.T) {
	s := newSteps(2)
	h := newHub(t, s, hub.Options{MaxTopicsPerUser: 3, MaxTopics: 4})
	a, b := login(t, h, "ann", 1, 0), login(t, h, "ann", 2, 1)
	other := login(t, h, "bob", 1, 1)
	subscribe(t, h, a, "1", "2")
	subscribe(t, h, b, "1", "1")
	for _, c := range []*client{a, b} {
		if err := h.Subscribe(&c.Session, "3"); !errors.Is(err, hub.ErrUserTopics) {
			t.Errorf("the fourth of three: %v", err)
		}
	}
	subscribe(t, h, other, "3", "4")
	if err := h.Subscribe(&other.Session, "5"); !errors.Is(err, hub.ErrTopicsFull) {
		t.Errorf("the fifth topic of four: %v", err)
	}
	subscribe(t, h, other, "1") // what was refused doesn't count
	h.Unsubscribe(&a.Session, "2")
	subscribe(t, h, b, "3")
	mustBeConsistent(t, h, s)
	h.Remove(&a.Session)
	subscribe(t, h, b, "4")
	mustBeConsistent(t, h, s)
}
