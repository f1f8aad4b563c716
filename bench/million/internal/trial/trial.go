// Package trial makes very many connections and looks what they cost: it starts
// pushd, as one process or as many, and as many client processes, has every
// client log in, lets heartbeats run, pushes to single users and to all over
// HTTP, counts each delivery, and reads memory from /proc all along. It runs
// the same inside the virtual machine of package vm and on a plain machine.
package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/million/internal/crowd"
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
	case c.Pushes < 0 || c.Broadcasts < 0 || c.Broadcasts > crowd.MaxRounds:
		return fmt.Errorf("at most %d broadcasts, and no negative counts", crowd.MaxRounds)
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
	servers []*server
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
			Environment: host.Describe(), Problems: []Problem{}, Broadcasts: []Broadcast{},
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
			t.result.problem(1, "not completed: %v", err)
			return nil
		}
	}
	return nil
}

func (t *trial) startServers(ctx context.Context) error {
	for i := range t.cfg.Servers {
		s, err := t.startServer(ctx)
		if err != nil {
			return err
		}
		t.servers = append(t.servers, s)
		t.tell(Progress{"servers", int64(i + 1), int64(t.cfg.Servers), time.Since(t.began).Seconds()})
	}
	return t.remember(ctx, "empty", true)
}

// steps is how often memory is written down while connecting.
const steps = 10

func (t *trial) connect(ctx context.Context) error {
	start := time.Now()
	left, parts := t.cfg.Connections, t.cfg.Servers*t.cfg.Clients
	for i := range parts {
		n := left / (parts - i)
		left -= n
		c, err := t.startClient(t.servers[i/t.cfg.Clients], fmt.Sprintf("c%d", i), n)
		if err != nil {
			return err
		}
		t.clients = append(t.clients, c)
	}
	next := 1
	err := t.until(ctx, "logging in", int64(t.cfg.Connections), func() (int64, error) {
		s := t.sum()
		if next < steps && s.Ready >= int64(t.cfg.Connections*next/steps) {
			next = int(s.Ready*steps/int64(t.cfg.Connections)) + 1
			if err := t.remember(ctx, "connecting", false); err != nil {
				return 0, err
			}
		}
		return s.Ready + s.Failed, nil
	})
	c := &t.result.Connections
	c.Wanted, c.Ready, c.Seconds = t.cfg.Connections, t.sum().Ready, time.Since(start).Seconds()
	c.PerSecond = float64(c.Ready) / c.Seconds
	if err != nil {
		return err
	}
	return t.remember(ctx, "connected", false)
}

// hold lets heartbeats run.
func (t *trial) hold(ctx context.Context) error {
	before, start := t.sum().Beats, time.Now()
	err := t.until(ctx, "heartbeats", int64(t.cfg.Hold/time.Second), func() (int64, error) {
		if err := sleep(ctx, time.Second); err != nil {
			return 0, err
		}
		return int64(time.Since(start) / time.Second), nil
	})
	if err != nil {
		return err
	}
	t.result.Heartbeats.InHold = t.sum().Beats - before
	online, err := t.online(ctx)
	if err != nil {
		return err
	}
	c := &t.result.Connections
	c.ServerConnections, c.ServerSessions, c.ServerUsers = online.Connections, online.Sessions, online.Users
	return t.remember(ctx, "held", false)
}

type online struct{ Connections, Sessions, Users int64 }

func (t *trial) online(ctx context.Context) (online, error) {
	var all online
	for _, s := range t.servers {
		var one online
		b, err := s.call(ctx, http.MethodGet, "/api/online", nil)
		if err == nil {
			err = json.Unmarshal(b, &one)
		}
		if err != nil {
			return all, fmt.Errorf("who is online: %w", err)
		}
		all.Connections += one.Connections
		all.Sessions += one.Sessions
		all.Users += one.Users
	}
	return all, nil
}

// pushes sends to single users, each when the server has answered the one before.
func (t *trial) pushes(ctx context.Context) error {
	absent, queued := int64(0), int64(0)
	for range t.cfg.Pushes {
		i := rand.IntN(len(t.clients))
		c, s := t.clients[i], t.servers[i/t.cfg.Clients]
		number := rand.IntN(c.count)
		message := map[string]int64{crowd.RunKey: t.run, crowd.SingleKey: int64(number), crowd.SentKey: time.Now().UnixNano()}
		b, err := s.call(ctx, http.MethodPost, "/api/push", map[string]any{"users": []string{crowd.User(c.name, number)}, "message": message})
		if err != nil {
			return fmt.Errorf("push to one user: %w", err)
		}
		var reply struct{ Sessions int64 }
		if err := json.Unmarshal(b, &reply); err != nil {
			return fmt.Errorf("push to one user: %w", err)
		}
		if reply.Sessions != 1 {
			absent++
		}
		queued += reply.Sessions
		t.result.Singles.Sent++
	}
	t.result.problem(absent, "pushes to one user that the server did not queue for exactly one session")
	return t.until(ctx, "pushes to one user", queued, func() (int64, error) { return t.singles(), nil })
}

func (t *trial) singles() (n int64) {
	for _, c := range t.clients {
		n += int64(len(c.last().Singles))
	}
	return n
}

func (t *trial) broadcasts(ctx context.Context) error {
	for round := range t.cfg.Broadcasts {
		if err := t.broadcast(ctx, round); err != nil {
			return err
		}
		if err := t.remember(ctx, fmt.Sprintf("broadcast %d", round+1), false); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) broadcast(ctx context.Context, round int) error {
	sent := time.Now()
	body := fmt.Appendf(nil, `{"%s":%d,"%s":%d,"text":"a message to everybody who is online"}`, crowd.RunKey, t.run, crowd.RoundKey, round)
	var (
		mu       sync.Mutex
		b        Broadcast
		problems error
		posts    sync.WaitGroup
	)
	for _, s := range t.servers {
		posts.Go(func() {
			n, err := s.admin.Broadcast(ctx, body)
			mu.Lock()
			defer mu.Unlock()
			b.Sessions += int64(n)
			problems = errors.Join(problems, err)
		})
	}
	posts.Wait()
	if problems != nil {
		return fmt.Errorf("broadcast: %w", problems)
	}
	b.Answered = time.Since(sent).Seconds()
	err := t.until(ctx, fmt.Sprintf("broadcast %d", round+1), t.result.Connections.Ready, func() (int64, error) {
		return t.round(round).Arrived, nil
	})
	all := t.round(round)
	b.Received = all.Arrived
	b.First, b.Last = float64(all.First-sent.UnixNano())/1e9, float64(all.Last-sent.UnixNano())/1e9
	b.PerSecond = float64(b.Received) / b.Last
	t.result.Broadcasts = append(t.result.Broadcasts, b)
	t.result.problem(t.result.Connections.Ready-b.Received, "deliveries of broadcast %d missing", round+1)
	t.result.problem(t.result.Connections.Ready-b.Sessions, "sessions missing from the answer to broadcast %d", round+1)
	return err
}

// round is what all clients together saw of a broadcast.
func (t *trial) round(round int) (all crowd.Round) {
	for _, c := range t.clients {
		s := c.last()
		if round >= len(s.Rounds) || s.Rounds[round].Arrived == 0 {
			continue
		}
		r := s.Rounds[round]
		if all.Arrived == 0 || r.First < all.First {
			all.First = r.First
		}
		all.Arrived += r.Arrived
		all.Last = max(all.Last, r.Last)
	}
	return all
}

// settle has every server collect its garbage and looks once more.
func (t *trial) settle(ctx context.Context) error {
	// With as many clients some heartbeat is always under way: they end, so that
	// what is left unanswered is lost.
	for _, c := range t.clients {
		if _, err := c.stdin.Write([]byte("calm\n")); err != nil {
			return fmt.Errorf("end heartbeats: %w", err)
		}
	}
	beats := int64(-1)
	err := t.until(ctx, "last heartbeats", t.result.Connections.Ready, func() (int64, error) {
		s := t.sum()
		quiet := s.Beats == beats && s.Calm == int64(len(t.clients))
		beats = s.Beats
		if err := sleep(ctx, time.Second); err != nil || !quiet {
			return 0, err
		}
		return t.result.Connections.Ready - s.Pending, nil
	})
	if err != nil {
		return err
	}
	return t.remember(ctx, "settled", true)
}

// afterCollection is the time that the runtime has to give memory back.
const afterCollection = 3 * time.Second

// remember writes down the memory as it is, or as it is after a collection.
func (t *trial) remember(ctx context.Context, when string, collect bool) error {
	var inUse, objects int64
	if collect {
		for _, s := range t.servers {
			// What a first collection finds with finalizers or in pools, only a second one frees.
			if _, err := s.admin.Heap(ctx, true); err != nil {
				return fmt.Errorf("forced collection: %w", err)
			}
			heap, err := s.admin.Heap(ctx, true)
			if err != nil {
				return fmt.Errorf("forced collection: %w", err)
			}
			inUse += heap.InUse
			objects += heap.Objects
		}
		if err := sleep(ctx, afterCollection); err != nil {
			return err
		}
	}
	m, err := t.look(when)
	if err != nil {
		return err
	}
	m.HeapInUse, m.Objects = inUse, objects
	t.result.Memory = append(t.result.Memory, m)
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
			t.result.problem(1, "%s: %d of %d, and nothing moved for %v", phase, n, of, t.cfg.Deadline)
			return nil
		}
		if err := t.alive(); err != nil {
			return err
		}
		if err := sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// alive finds processes that ended although nobody asked them to.
func (t *trial) alive() error {
	for _, s := range t.servers {
		select {
		case <-s.ended:
			return fmt.Errorf("a server ended: %v\n%s", s.cmd.ProcessState, s.log)
		default:
		}
	}
	for _, c := range t.clients {
		select {
		case <-c.ended:
			return fmt.Errorf("client process %s ended: %v\n%s", c.name, c.cmd.ProcessState, c.log)
		default:
		}
	}
	return nil
}

// sum adds up what the clients count.
func (t *trial) sum() (all crowd.Status) {
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
	r.problem(wanted-r.Connections.Ready, "connections not logged in")
	r.problem(r.Connections.Lost, "connections lost")
	r.problem(r.Connections.ServerSessions-wanted, "sessions by the server's count, more or less than wanted")
	r.problem(all.Pending, "heartbeats unanswered")
	r.problem(int64(r.Singles.Sent)-r.Singles.Received, "pushes to one user missing")
	r.problem(all.Twice, "messages delivered twice")
	r.problem(all.Misplaced, "messages for somebody else")
	for what, n := range all.Causes {
		r.problem(n, "%s", what)
	}
	r.OK = len(r.Problems) == 0
	r.Each = each(r.Memory, float64(t.cfg.Connections))
}

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
		all.Go(s.stop)
	}
	all.Wait()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
