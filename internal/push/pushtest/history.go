package pushtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
)

// muchBytes is more than all that these tests have remembered.
const muchBytes = 1 << 20

func wantTexts(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func testPublish(t *testing.T, f TopicsFixture) {
	if !f.Remembers("r.room") || f.Remembers("news") {
		t.Error("topics remember what they shouldn't, or the other way round")
	}
	ann, bob := f.Login(t, "ann", "web"), f.Login(t, "bob", "web")
	subscribe(t, f, "r.room", ann, bob)
	subscribe(t, f, "r.other", ann)
	publish(t, f, "r.room", 1, 2)
	r, at, err := f.Publish(t.Context(), "r.room", ann.Session(), stamp("r.room", "3"))
	if err != nil || r.Sessions < 1 || at.Offset != 3 { // topics may count who is left out
		t.Errorf("all but one: %+v at %+v, %v", r, at, err)
	}
	wantTexts(t, "ann", told(t, ann), "1", "2")
	wantTexts(t, "bob", told(t, bob), "1", "2", "3")
	publish(t, f, "r.other", 1, 1) // each topic counts for itself
	wantTexts(t, "ann, elsewhere", told(t, ann), "1")
	_, _, err = f.Publish(t.Context(), "r.room", "not-an-id", stamp("r.room", "4"))
	wantCode(t, "session", err, codec.CodeMalformed)
	past := must(f.History(t.Context(), "r.room", nil, 10, muchBytes))(t)
	wantTexts(t, "remembered", framesSay(past.Frames), "1", "2", "3")
}

// testPublishBusy: who isn't reached finds the message in the history.
func testPublishBusy(t *testing.T, f TopicsFixture) {
	ann := f.Login(t, "ann", "web")
	subscribe(t, f, "r.room", ann)
	release := f.Overload(t)
	var at push.Position
	var err error
	for range 10_000 {
		_, at, err = f.Publish(t.Context(), "r.room", "", stamp("r.room", strings.Repeat("x", 10_000)))
		if err != nil {
			break
		}
	}
	release()
	wantCode(t, "too much", err, codec.CodeUnavailable)
	if e := codec.AsError(err); e == nil || !e.Temporary {
		t.Errorf("too much: %v, which isn't temporary", err)
	}
	if past := must(f.History(t.Context(), "r.room", nil, 1, muchBytes))(t); past.Position != at || len(past.Frames) != 1 {
		t.Errorf("remembered until %+v, %d frames; want until %+v", past.Position, len(past.Frames), at)
	}
	told(t, ann)
	publish(t, f, "r.room", int(at.Offset)+1, int(at.Offset)+1)
	wantTexts(t, "ann, afterwards", told(t, ann), fmt.Sprint(at.Offset+1))
}

// testPublishOrder: whoever publishes, each member gets it in the order of the places.
func testPublishOrder(t *testing.T, f TopicsFixture) {
	const publishers, each = 6, 40
	clients := []delivertest.Client{f.Login(t, "ann", "web"), f.Login(t, "ann", "ios"), f.Login(t, "bob", "web")}
	subscribe(t, f, "r.room", clients...)
	var mu sync.Mutex
	places := map[string]uint64{}
	var done sync.WaitGroup
	for p := range publishers {
		done.Go(func() {
			for i := range each {
				text := fmt.Sprint(p, "-", i)
				_, at, err := f.Publish(t.Context(), "r.room", "", stamp("r.room", text))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				places[text] = at.Offset
				mu.Unlock()
			}
		})
	}
	done.Wait()
	for _, c := range clients {
		texts := told(t, c)
		ordered := slices.IsSortedFunc(texts, func(a, b string) int { return cmp.Compare(places[a], places[b]) })
		if len(texts) != publishers*each || !ordered {
			t.Errorf("%d messages, want %d in the order of their places: %q", len(texts), publishers*each, texts)
		}
	}
}

func testJoin(t *testing.T, f TopicsFixture) {
	ann, bob := f.Login(t, "ann", "web"), f.Login(t, "bob", "web")
	join := func(since *push.Position, maxBytes int) push.Past {
		t.Helper()
		return must(f.Join(t.Context(), ann.Session(), "r.room", since, maxBytes))(t)
	}
	none := must(f.Join(t.Context(), ann.Session(), "news", &push.Position{Offset: 1, Epoch: "x"}, muchBytes))(t)
	if none.Recovered || none.Position != (push.Position{}) {
		t.Errorf("a topic without a history: %+v", none)
	}
	wantSubscribers(t, f, "news", 1)
	empty := must(f.Join(t.Context(), bob.Session(), "r.room", nil, muchBytes))(t)
	if empty.Offset != 0 || empty.First != 1 || empty.Epoch == "" || len(empty.Frames) > 0 {
		t.Errorf("a topic where nothing was published: %+v", empty)
	}
	unsubscribe(t, f, "r.room", bob)
	last := publish(t, f, "r.room", 1, TopicHistory+3) // of which 4 is the oldest that is remembered
	at := func(offset uint64) *push.Position { return &push.Position{Offset: offset, Epoch: last.Epoch} }
	for _, tc := range []struct {
		name      string
		since     *push.Position
		maxBytes  int
		recovered bool
		frames    int
	}{
		{"nothing asked", nil, muchBytes, false, 0},
		{"some missed", at(last.Offset - 2), muchBytes, true, 2},
		{"nothing missed", at(last.Offset), muchBytes, true, 0},
		{"all that is remembered", at(3), muchBytes, true, TopicHistory},
		{"forgotten", at(2), muchBytes, false, 0},
		{"never known", at(0), muchBytes, false, 0},
		{"not yet there", at(last.Offset + 1), muchBytes, false, 0},
		{"another life", &push.Position{Offset: last.Offset - 2, Epoch: "another"}, muchBytes, false, 0},
		{"more than may be", at(last.Offset - 2), 100, false, 0},
	} {
		past := join(tc.since, tc.maxBytes)
		if past.Position != last || past.First != 4 || past.Recovered != tc.recovered || len(past.Frames) != tc.frames ||
			tc.frames > 0 && past.After != tc.since.Offset {
			t.Errorf("%s: %+v", tc.name, past)
		}
		for i, text := range framesSay(past.Frames) {
			if want := fmt.Sprint(int(past.After) + 1 + i); text != want {
				t.Errorf("%s: frame %d says %q, want %s", tc.name, i, text, want)
			}
		}
		wantSubscribers(t, f, "r.room", 1)
	}
	wantTexts(t, "what was there before", told(t, ann))
	publish(t, f, "r.room", TopicHistory+4, TopicHistory+4)
	wantTexts(t, "what came afterwards", told(t, ann), fmt.Sprint(TopicHistory+4))
}

// testJoinMeanwhile: with what is recovered and what is delivered from then on, nothing
// is missing and nothing is there twice.
func testJoinMeanwhile(t *testing.T, f TopicsFixture) {
	// What two rounds bring is all remembered: what the first one has on its way when
	// the session leaves the topic need not arrive.
	const rounds, each = 40, TopicHistory / 2
	ann := f.Login(t, "ann", "web")
	since := publish(t, f, "r.room", 1, 1)
	past := must(f.Join(t.Context(), ann.Session(), "r.room", &since, muchBytes))(t)
	var all []string
	for round := range rounds {
		var done sync.WaitGroup
		done.Go(func() {
			for i := range each {
				if _, _, err := f.Publish(t.Context(), "r.room", "", stamp("r.room", fmt.Sprint(2+round*each+i))); err != nil {
					t.Error(err)
				}
			}
		})
		unsubscribe(t, f, "r.room", ann)
		texts := told(t, ann)
		all = append(all, texts...)
		since = push.Position{Offset: past.Offset + uint64(len(texts)), Epoch: past.Epoch}
		past = must(f.Join(t.Context(), ann.Session(), "r.room", &since, muchBytes))(t)
		if !past.Recovered {
			t.Fatalf("%+v is not recovered: %+v", since, past)
		}
		all = append(all, framesSay(past.Frames)...)
		done.Wait()
	}
	all = append(all, told(t, ann)...)
	if len(all) != rounds*each {
		t.Errorf("%d messages, want %d", len(all), rounds*each)
	}
	for i, text := range all {
		if want := fmt.Sprint(i + 2); text != want {
			t.Fatalf("message %s came where %s was due", text, want)
		}
	}
}

func testHistory(t *testing.T, f TopicsFixture) {
	empty := must(f.History(t.Context(), "r.room", nil, 10, muchBytes))(t)
	if empty.Offset != 0 || empty.First != 1 || len(empty.Frames) > 0 {
		t.Errorf("nothing yet: %+v", empty)
	}
	last := publish(t, f, "r.room", 1, TopicHistory+3)
	after := func(offset uint64) *uint64 { return &offset }
	for _, tc := range []struct {
		name     string
		after    *uint64
		count    int
		maxBytes int
		want     string
	}{
		{"the newest", nil, 3, muchBytes, "11 12 13"},
		{"more than there are", nil, 100, muchBytes, "4 5 6 7 8 9 10 11 12 13"},
		{"none of them", nil, 0, muchBytes, ""},
		{"a page", after(5), 3, muchBytes, "6 7 8"},
		{"the last page", after(11), 3, muchBytes, "12 13"},
		{"after the newest", after(13), 3, muchBytes, ""},
		{"later than that", after(100), 3, muchBytes, ""},
		{"from what is forgotten", after(1), 2, muchBytes, "4 5"},
		{"within bytes, but one", nil, 3, 1, "13"},
		{"a page within bytes, but one", after(5), 3, 1, "6"},
		{"two within bytes", after(5), 3, 250, "6 7"},
	} {
		past := must(f.History(t.Context(), "r.room", tc.after, tc.count, tc.maxBytes))(t)
		wantTexts(t, tc.name, framesSay(past.Frames), strings.Fields(tc.want)...)
		if past.Position != last || past.First != 4 {
			t.Errorf("%s: as of %+v from %d, want %+v from 4", tc.name, past.Position, past.First, last)
		}
		if len(past.Frames) > 0 && fmt.Sprint(past.After+1) != framesSay(past.Frames)[0] {
			t.Errorf("%s: after %d comes %s", tc.name, past.After, framesSay(past.Frames)[0])
		}
	}
}
