package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"pushd/internal/chat"
	"pushd/internal/store"
	"pushd/internal/store/storetest"
)

// killedAt makes this program, run again, send to the database that it names
// until it is killed; killedRound tells its rounds apart.
const (
	killedAt    = "PUSHD_TEST_KILLED_AT"
	killedRound = "PUSHD_TEST_KILLED_ROUND"
)

const killedSenders, killedConvs = 32, 4

// killedDraft is the nth message of a sender in a round, the same whoever asks.
func killedDraft(round string, sender, n int) chat.Draft {
	id := fmt.Sprintf("%s-%d-%d", round, sender, n)
	return chat.Draft{
		ID: id, ClientID: id, Conv: fmt.Sprintf("n:box%d", (sender+n)%killedConvs), From: "system",
		Time: int64(n), Body: chat.Body{Type: chat.TypeText, Text: "message " + id},
	}
}

// sendUntilKilled prints a line for each message whose Append has returned.
func sendUntilKilled(url, round string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{URL: url})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for sender := range killedSenders {
		go func() {
			for n := 0; ; n++ {
				m, _, err := s.Append(ctx, killedDraft(round, sender, n))
				if err != nil {
					failed <- err
					return
				}
				// One write, short enough for the pipe to take whole.
				if _, err := fmt.Printf("%s %s %d\n", m.ID, m.Conv, m.Seq); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// Rounds of kill -9 in the middle of sending: what was answered is there, once,
// under the seq that was told, and no conversation has a hole.
func TestKill(t *testing.T) {
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			url := storetest.URL(t, engine)
			told := map[string]string{} // id to conversation and seq
			for round := range 6 {
				killRound(t, url, fmt.Sprint(round), told)
			}
			checkKilled(t, storetest.OpenURL(t, url), told)
		})
	}
}

func killRound(t *testing.T, url, round string, told map[string]string) {
	t.Helper()
	// Should TestMain not know its part, it runs no tests, or it would come here again.
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), killedAt+"="+url, killedRound+"="+round)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { _ = child.Process.Kill() })
	defer kill()
	answers := 0
	for lines := bufio.NewScanner(out); lines.Scan(); answers++ {
		var id, conv string
		var seq uint64
		if _, err := fmt.Sscan(lines.Text(), &id, &conv, &seq); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		told[id] = fmt.Sprint(conv, " ", seq)
		if answers == 0 {
			time.AfterFunc(time.Duration(20+rand.IntN(80))*time.Millisecond, kill)
		}
	}
	_ = child.Wait() // it was killed
	if answers == 0 {
		t.Fatal("killed before its first answer")
	}
}

func checkKilled(t *testing.T, s *store.Store, told map[string]string) {
	t.Helper()
	missing := make(map[string]string, len(told))
	for id, at := range told {
		missing[id] = at
	}
	total := 0
	for n := range killedConvs {
		conv := fmt.Sprintf("n:box%d", n)
		for after, more := uint64(0), true; more; {
			var page []chat.Message
			var err error
			if page, more, err = s.Page(t.Context(), "system", conv,
				chat.PageQuery{After: after, Forward: true, Limit: 1000}); err != nil {
				t.Fatal(err)
			}
			for _, m := range page {
				after++
				total++
				at := fmt.Sprint(m.Conv, " ", m.Seq)
				if m.Seq != after {
					t.Fatalf("%s: seq %d stands at %d", conv, m.Seq, after)
				}
				if first, answered := told[m.ID]; answered && first != at {
					t.Errorf("%s is %s, its sender was told %s", m.ID, at, first)
				}
				if m.Text != "message "+m.ID {
					t.Errorf("%s says %q", m.ID, m.Text)
				}
				delete(missing, m.ID)
			}
		}
		if h, err := s.Head(t.Context(), "box"+fmt.Sprint(n), conv, 0); err != nil || h.Last == nil ||
			h.Last.Seq != h.MaxSeq {
			t.Errorf("head of %s: %+v, %v", conv, h, err)
		}
	}
	for id, at := range missing {
		t.Errorf("%s, answered as %s, is missing", id, at)
	}
	t.Logf("%d answered, %d stored", len(told), total)

	// Whoever heard no answer asks again, and so may who heard one.
	asked := 0
	for id, at := range told {
		var round string
		var sender, n int
		if _, err := fmt.Sscanf(id, "%1s-%d-%d", &round, &sender, &n); err != nil {
			t.Fatal(err)
		}
		m, duplicate, err := s.Append(t.Context(), killedDraft(round, sender, n))
		if err != nil || !duplicate || m.ID != id || fmt.Sprint(m.Conv, " ", m.Seq) != at {
			t.Errorf("%s again: %+v, duplicate %v, %v", id, m, duplicate, err)
		}
		if asked++; asked == 100 {
			break
		}
	}
}
