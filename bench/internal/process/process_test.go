package process

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const patience = time.Minute // it is never what a test measures

func TestAProcessThatEndsSaysHow(t *testing.T) {
	p, err := Start(exec.Command("sh", "-c", "echo no room >&2; exit 3"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	never := func(context.Context) error { return errors.New("not yet") }
	if err := p.WaitReady(t.Context(), patience, never); err == nil || err.Error() != "it ended at once" {
		t.Errorf("%v", err)
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no room") {
		t.Errorf("%v", err)
	}
	p.Stop(patience, p.Terminate) // of what has ended already
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name     string
		obeys    bool
		patience time.Duration
		ends     string
	}{
		{"it obeys", true, patience, "terminated"},
		{"it doesn't", false, time.Millisecond, "killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			launched := false
			p, err := Start(exec.Command("sleep", "600"), Options{Launch: func(start func() error) error {
				launched = true
				return start()
			}})
			if err != nil || p.PID() == 0 || p.Err() != nil || !launched {
				t.Fatalf("%v, launched: %v", err, launched)
			}
			ask := p.Terminate
			if !test.obeys {
				ask = func() error { return nil }
			}
			p.Stop(test.patience, ask)
			if err := p.Err(); err == nil || !strings.Contains(err.Error(), test.ends) {
				t.Errorf("%v, want %s", err, test.ends)
			}
		})
	}
}

func TestWhatIsNotReadyInTime(t *testing.T) {
	p, err := Start(exec.Command("sleep", "600"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(patience, p.Terminate)
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	if err := p.WaitReady(t.Context(), time.Millisecond, wait); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	if _, err := Start(exec.Command("/nowhere"), Options{}); err == nil {
		t.Error("a program that isn't there is started")
	}
	_, err := StartServer(t.Context(), ServerOptions{Name: "it", Command: func(string, string) *exec.Cmd { return exec.Command("/nowhere") }})
	if err == nil || !strings.HasPrefix(err.Error(), "start it: ") {
		t.Errorf("%v", err)
	}
	err = Source{Dir: t.TempDir(), Package: "./nothing"}.Build(t.Context(), "x")
	if err == nil || !strings.Contains(err.Error(), "nothing (run this at the top of the source tree)") {
		t.Errorf("%v", err)
	}
}
