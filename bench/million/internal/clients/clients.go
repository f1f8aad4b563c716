// Package clients is one client process of a trial: it keeps its share of the
// clients connected and logged in, counts what reaches each of them, and writes
// what it has counted to its standard output several times a second. A line on
// its standard input ends the heartbeats, and the end of that input is the order
// to go. Package trial starts these processes.
package clients

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/host"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
	"pushd/bench/internal/wire"
)

// Options say which clients these are.
type Options struct {
	Server    string        // host:port
	Run       int64         // value of RunKey
	Name      string        // of this process: its client i is the user User(Name, i)
	Count     int           // clients of this process
	Heartbeat time.Duration // longest time between heartbeats
	Window    int           // logins under way at once
	Patience  time.Duration // for an opening handshake
}

// User is the user that client i of the process of that name logs in as.
func User(name string, i int) string { return fmt.Sprintf("%s-%d", name, i) }

const (
	// portsForEach is how many connections share a source address. The kernel
	// looks for a free port among every other one of its range first, which is
	// 14,116 of the default, and looks through all of those again for each
	// connection beyond them: logins fell from 8,000 a second to 70.
	portsForEach = 10_000
	statusEvery  = 250 * time.Millisecond
	pace         = time.Millisecond // between looks at how many logins are under way
	unpaced      = 1e6              // dials per second; Window is what holds them back
)

// counter counts what arrives.
type counter struct {
	opts  Options
	fleet *fleet.Fleet

	seen []uint32 // owned by the loop: a bit for each round, client by client

	mu     sync.Mutex
	status Status // guarded by mu; what the fleet counts is filled in when it is written
}

// Run keeps the clients until orders ends, and writes a Status a line.
func Run(ctx context.Context, o Options, orders io.Reader, out io.Writer) error {
	if err := host.AllowConnections(o.Count); err != nil {
		return err
	}
	target, err := netip.ParseAddrPort(o.Server)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	c := &counter{opts: o, seen: make([]uint32, o.Count)}
	c.fleet, err = fleet.New(o.Count, fleet.Options{
		Target: target, Request: wire.Request(o.Server, "/ws"), Heartbeat: o.Heartbeat,
		Identity: fleet.Identities{Users: o.Name + "-%d", Platforms: []string{"web"}},
		Dial: loop.Options{
			Sources: loop.LoopbackSources((o.Count + portsForEach - 1) / portsForEach),
			Rate:    unpaced, Pending: o.Window, HandshakeTimeout: o.Patience,
		},
	}, fleet.Hooks{Message: c.message})
	if err != nil {
		return fmt.Errorf("bring up clients: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel() // the end of the orders is the order to go, however it comes
		for lines := bufio.NewScanner(orders); lines.Scan(); {
			c.calm(ctx)
		}
	}()
	failed := make(chan error, 1)
	go func() { failed <- c.grow(ctx) }()
	return c.tell(ctx, json.NewEncoder(out), failed)
}

// grow dials client after client, so many at a time that the server answers
// each soon, however slow it is.
func (c *counter) grow(ctx context.Context) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for begun := 0; begun < c.opts.Count; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if n := min(c.opts.Count, int(c.fleet.Progress())+c.opts.Window); n > begun {
			if err := c.fleet.Start(n); err != nil {
				return fmt.Errorf("dial: %w", err)
			}
			begun = n
		}
	}
	return nil
}

// calm ends the heartbeats of all clients.
func (c *counter) calm(ctx context.Context) {
	if c.fleet.Each(ctx, func(conn *loop.Conn) { conn.StopTimer() }) != nil {
		return // going
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Calm = 1
}

// tell writes the status until it is time to go.
func (c *counter) tell(ctx context.Context, out *json.Encoder, failed <-chan error) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case err := <-failed:
			if err != nil {
				return err
			}
			failed = nil
		case <-ctx.Done():
			last := c.count()
			// With no time to say goodbye it resets the sockets, which leaves nothing in TIME_WAIT.
			if err := c.fleet.Close(ctx); err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("end clients: %w", err)
			}
			return out.Encode(last)
		}
		if err := out.Encode(c.count()); err != nil {
			return fmt.Errorf("write status: %w", err)
		}
	}
}

func (c *counter) count() Status {
	var r report.Result
	c.fleet.Report(&r)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.Ready, s.Failed, s.Lost = r.Connections.Ready, r.Connections.Failed, r.Connections.Lost
	s.Beats, s.Pending = r.Connections.Heartbeats, r.Connections.Unanswered
	s.Rounds, s.Singles = slices.Clone(s.Rounds), slices.Clone(s.Singles)
	for _, p := range r.Problems {
		if p.What == pendingProblem {
			continue // under way, most of the time
		}
		if s.Causes == nil {
			s.Causes = map[string]int64{}
		}
		s.Causes[p.What] += p.Count
	}
	return s
}

// pendingProblem is how the fleet reports Pending, which has a field of its own here.
const pendingProblem = "heartbeats unanswered"

// message takes what a client received; it is the fleet's Message hook.
func (c *counter) message(conn *loop.Conn, payload []byte, _ *protocol.Envelope) {
	if run, ok := protocol.Number(payload, RunKey); !ok || run != c.opts.Run {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if client, ok := protocol.Number(payload, SingleKey); ok {
		sent, _ := protocol.Number(payload, SentKey)
		if int(client) != conn.ID() || sent == 0 {
			c.status.Misplaced++
			return
		}
		c.status.Singles = append(c.status.Singles, float64(now.UnixNano()-sent)/1e9)
		return
	}
	round, ok := protocol.Number(payload, RoundKey)
	if !ok || round >= MaxRounds {
		c.status.Misplaced++
		return
	}
	seen := &c.seen[conn.ID()]
	if *seen&(1<<round) != 0 {
		c.status.Twice++
		return
	}
	*seen |= 1 << round
	for int(round) >= len(c.status.Rounds) {
		c.status.Rounds = append(c.status.Rounds, Round{})
	}
	r := &c.status.Rounds[round]
	if r.Arrived == 0 {
		r.First = now.UnixNano()
	}
	r.Arrived++
	r.Last = now.UnixNano()
}
