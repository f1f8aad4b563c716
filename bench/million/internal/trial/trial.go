// Package trial makes very many connections and looks what they cost: it starts
// pushd, as one process or as many, and as many client processes, has every
// client log in, lets heartbeats run, pushes to single users and to all over
// HTTP, counts each delivery, and reads memory from /proc all along. It runs
// the same inside the virtual machine of package vm and on a plain machine.
package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/process"
	"pushd/bench/million/internal/clients"
)

// Config says what to do.
type Config struct {
	Connections int           `json:"connections"`
	Servers     int           `json:"servers"`    // pushd processes
	Clients     int           `json:"clients"`    // client processes for each server
	Loops       int           `json:"loops"`      // of each server; 0: one for each processor
	Processors  int           `json:"processors"` // GOMAXPROCS of servers and clients; 0: all
	Window      int           `json:"window"`     // logins under way at once, for each client process
	Heartbeat   time.Duration `json:"heartbeat_ns"`
	Hold        time.Duration `json:"hold_ns"`     // how long nothing but heartbeats goes on
	Patience    time.Duration `json:"patience_ns"` // for a handshake, a login, a write that doesn't move
	Deadline    time.Duration `json:"deadline_ns"` // without any progress, the trial is given up
	Pushes      int           `json:"pushes"`
	Broadcasts  int           `json:"broadcasts"`
	Pushd       string        `json:"-"` // the programs
	Self        string        `json:"-"`
}

func (c Config) environment() []string {
	if c.Processors == 0 {
		return nil
	}
	return []string{fmt.Sprintf("GOMAXPROCS=%d", c.Processors)}
}

// Check says what is wrong with the configuration.
func (c Config) Check() error {
	switch {
	case c.Connections < 1 || c.Servers < 1 || c.Clients < 1 || c.Window < 1:
		return errors.New("connections, servers, clients and window must be at least 1")
	case c.Connections < c.Servers*c.Clients:
		return fmt.Errorf("%d connections are too few for %d client processes", c.Connections, c.Servers*c.Clients)
	case c.Heartbeat <= 0 || c.Patience <= 0 || c.Deadline <= 0 || c.Hold < 0:
		return errors.New("heartbeat, patience and deadline must be positive")
	case c.Pushes < 0 || c.Broadcasts < 0 || c.Broadcasts > clients.MaxRounds:
		return fmt.Errorf("at most %d broadcasts, and no negative counts", clients.MaxRounds)
	}
	return nil
}

// Progress is how far a trial is; it is told every few seconds.
type Progress struct {
	Phase string  `json:"phase"`
	Done  int64   `json:"done"`
	Of    int64   `json:"of"`
	After float64 `json:"after"` // seconds from the start of the trial
}

func (p Progress) String() string {
	return fmt.Sprintf("%7.1f s  %s: %d of %d", p.After, p.Phase, p.Done, p.Of)
}

// trial is one under way.
type trial struct {
	cfg     Config
	tell    func(Progress)
	run     int64
	began   time.Time
	dir     string
	servers []*process.Server
	clients []*client // those of server i are i*Clients and on
	starts  chan func()
	result  *Result
}

const (
	lookEvery = 20 * time.Millisecond
	tellEvery = 5 * time.Second
)

// Run makes a trial. When there is something to report, finished is called with
// it before the connections are given up, which takes a while. An error is that
// the trial could not be made; what it found wrong is in the result.
func Run(ctx context.Context, cfg Config, tell func(Progress), finished func(*Result) error) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "million")
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary one; what stays is the system's to clear
	t := &trial{
		cfg: cfg, tell: tell, run: rand.Int64N(1 << 40), began: time.Now(), dir: dir, starts: make(chan func()),
		result: &Result{
			Schema: Schema, Scenario: "million", Started: time.Now().UTC().Truncate(time.Second), Parameters: cfg,
			Environment: host.Describe(), Broadcasts: []Broadcast{},
			Versions: Versions{Go: runtime.Version(), Pushd: version(ctx, cfg.Pushd)},
		},
	}
	defer close(t.starts)
	go func() {
		runtime.LockOSThread()
		for start := range t.starts {
			start()
		}
	}()
	defer t.stop()
	if err := t.work(ctx); err != nil {
		return err
	}
	t.finish()
	return finished(t.result)
}

func version(ctx context.Context, pushd string) string {
	out, err := exec.CommandContext(ctx, pushd, "version").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (t *trial) work(ctx context.Context) error {
	for _, phase := range []func(context.Context) error{t.startServers, t.connect} {
		if err := phase(ctx); err != nil {
			return err
		}
	}
	for _, phase := range []func(context.Context) error{t.hold, t.pushes, t.broadcasts, t.settle} {
		if err := phase(ctx); err != nil {
			if ctx.Err() != nil {
				return err
			}
			// What was found so far took long to find: it is reported with the failure.
			t.result.Problems.Add(1, "not completed: %v", err)
			return nil
		}
	}
	return nil
}

// until asks how much is done until it is all, and tells how far it
// is. When nothing moves for the deadline, it gives up
// without an error: what is missing is counted by who asked.
func (t *trial) until(ctx context.Context, phase string, of int64, done func() (int64, error)) error {
	last, moved, told := int64(-1<<62), time.Now(), time.Now()
	for {
		n, err := done()
		if err != nil {
			return err
		}
		over := n >= of
		if over || time.Since(told) >= tellEvery {
			t.tell(Progress{phase, n, of, time.Since(t.began).Seconds()})
			told = time.Now()
		}
		if over {
			return nil
		}
		if n != last {
			last, moved = n, time.Now()
		}
		if time.Since(moved) > t.cfg.Deadline {
			t.result.Problems.Add(1, "%s: %d of %d, and nothing moved for %v", phase, n, of, t.cfg.Deadline)
			return nil
		}
		if err := t.alive(); err != nil {
			return err
		}
		if err := pause.For(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// alive finds processes that ended although nobody asked them to.
func (t *trial) alive() error {
	for _, s := range t.servers {
		if err := s.Err(); err != nil {
			return fmt.Errorf("a server ended: %w", err)
		}
	}
	for _, c := range t.clients {
		if err := c.process.Err(); err != nil {
			return fmt.Errorf("client process %s ended: %w", c.name, err)
		}
	}
	return nil
}

// sum adds up what the clients count.
func (t *trial) sum() (all clients.Status) {
	for _, c := range t.clients {
		s := c.last()
		all.Ready += s.Ready
		all.Failed += s.Failed
		all.Lost += s.Lost
		all.Beats += s.Beats
		all.Pending += s.Pending
		all.Twice += s.Twice
		all.Misplaced += s.Misplaced
		all.Calm += s.Calm
		all.Singles = append(all.Singles, s.Singles...)
		for what, n := range s.Causes {
			if all.Causes == nil {
				all.Causes = map[string]int64{}
			}
			all.Causes[what] += n
		}
	}
	return all
}

// finish completes the result while everybody is still connected.
func (t *trial) finish() {
	r, all := t.result, t.sum()
	r.Seconds = time.Since(t.began).Seconds()
	r.Connections.Failed, r.Connections.Lost = all.Failed, all.Lost
	r.Heartbeats.Sent, r.Heartbeats.Unanswered = all.Beats, all.Pending
	r.Singles.Received = int64(len(all.Singles))
	if n := len(all.Singles); n > 0 {
		slices.Sort(all.Singles)
		r.Singles.Min, r.Singles.Max = all.Singles[0], all.Singles[n-1]
		r.Singles.Median, r.Singles.P99 = all.Singles[n/2], all.Singles[min(n*99/100, n-1)]
	}
	wanted := int64(t.cfg.Connections)
	r.Problems.Add(wanted-r.Connections.Ready, "connections not logged in")
	r.Problems.Add(r.Connections.Lost, "connections lost")
	r.Problems.Add(distance(r.Connections.ServerSessions, wanted), "sessions by the server's count, more or less than wanted")
	r.Problems.Add(all.Pending, "heartbeats unanswered")
	r.Problems.Add(int64(r.Singles.Sent)-r.Singles.Received, "pushes to one user missing")
	r.Problems.Add(all.Twice, "messages delivered twice")
	r.Problems.Add(all.Misplaced, "messages for somebody else")
	for what, n := range all.Causes {
		r.Problems.Add(n, "%s", what)
	}
	r.OK = r.Problems.Finish()
	r.Each = each(r.Memory, float64(t.cfg.Connections))
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// each divides what connections added by how many they are.
func each(memory []Memory, n float64) (e Each) {
	empty, last := memory[0], memory[len(memory)-1]
	for _, m := range memory {
		if m.When == "connected" {
			e.ServerRSS = float64(m.ServerRSS-empty.ServerRSS) / n
			e.Kernel = float64(m.Slab-empty.Slab) / n
			e.ClientRSS = float64(m.ClientRSS) / n
		}
	}
	e.ServerSettled = float64(last.ServerRSS-empty.ServerRSS) / n
	e.HeapObjects = float64(last.Objects-empty.Objects) / n
	return e
}

// stop gives up the connections and ends the processes.
func (t *trial) stop() {
	var all sync.WaitGroup
	for _, c := range t.clients {
		all.Go(c.stop)
	}
	all.Wait()
	for _, s := range t.servers {
		all.Go(s.Stop)
	}
	all.Wait()
}
