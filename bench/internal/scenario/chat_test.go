package scenario_test

import (
	"testing"
	"time"

	"pushd/bench/internal/scenario"
)

func TestChat(t *testing.T) {
	for name, s := range map[string]scenario.Chat{"closed loop": {}, "open loop": {Rate: 200}, "few senders": {Senders: 3}} {
		t.Run(name, func(t *testing.T) {
			s.Timeout = 5 * time.Second
			r := run(t, s, config(t, &fakePushd{}, 10))
			wantOK(t, r)
			if m := r.Messages; m.Sent < 20 || m.Received != m.Sent || len(r.Parts) != 2 || r.Latency.Count == 0 {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestChatFindsWhatIsMissingDoubleAndHoles(t *testing.T) {
	s := &fakePushd{
		Deliver: faulty,
		ChatSeq: func(n int) int {
			if n > 5 {
				return n + 1
			}
			return n
		},
	}
	r := run(t, scenario.Chat{Senders: 1, Timeout: 100 * time.Millisecond}, config(t, s, 2))
	wantProblem(t, r, "messages not delivered", 1)
	wantProblem(t, r, "messages delivered twice", 1)
	wantProblem(t, r, "conversations with a hole in their seq", 1)
}

func TestChatRefuses(t *testing.T) {
	for name, s := range map[string]scenario.Chat{"too many senders": {Senders: 3, Timeout: 1}, "no timeout": {}} {
		if _, err := s.Run(t.Context(), config(t, &fakePushd{}, 2)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := (scenario.Chat{Timeout: 1}).Run(t.Context(), config(t, &fakePushd{}, 3)); err == nil {
		t.Error("an odd number of clients is taken")
	}
}
