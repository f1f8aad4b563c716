package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"pushd/bench/internal/admin"
	"pushd/bench/internal/pause"
	"pushd/bench/million/internal/clients"
)

// The phases of a trial, in their order.

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
		if err := pause.For(ctx, time.Second); err != nil {
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

// online is what all servers together count.
func (t *trial) online(ctx context.Context) (all admin.Online, err error) {
	for _, s := range t.servers {
		one, err := s.Admin.Online(ctx)
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
		message := fmt.Appendf(nil, `{"%s":%d,"%s":%d,"%s":%d}`,
			clients.RunKey, t.run, clients.SingleKey, number, clients.SentKey, time.Now().UnixNano())
		sessions, err := s.Admin.PushOne(ctx, admin.Push{User: clients.User(c.name, number), Message: message})
		if err != nil {
			return fmt.Errorf("push to one user: %w", err)
		}
		if sessions != 1 {
			absent++
		}
		queued += int64(sessions)
		t.result.Singles.Sent++
	}
	t.result.Problems.Add(absent, "pushes to one user that the server did not queue for exactly one session")
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
	body := fmt.Appendf(nil, `{"%s":%d,"%s":%d,"text":"a message to everybody who is online"}`, clients.RunKey, t.run, clients.RoundKey, round)
	var (
		mu       sync.Mutex
		b        Broadcast
		problems error
		posts    sync.WaitGroup
	)
	for _, s := range t.servers {
		posts.Go(func() {
			n, err := s.Admin.PushOne(ctx, admin.Push{Everyone: true, Message: body})
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
	t.result.Problems.Add(t.result.Connections.Ready-b.Received, "deliveries of broadcast %d missing", round+1)
	t.result.Problems.Add(distance(t.result.Connections.Ready, b.Sessions),
		"sessions in the answer to broadcast %d, more or less than there are", round+1)
	return err
}

// round is what all clients together saw of a broadcast.
func (t *trial) round(round int) (all clients.Round) {
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
		if err := pause.For(ctx, time.Second); err != nil || !quiet {
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
			if _, err := s.Admin.Heap(ctx, true); err != nil {
				return fmt.Errorf("forced collection: %w", err)
			}
			heap, err := s.Admin.Heap(ctx, true)
			if err != nil {
				return fmt.Errorf("forced collection: %w", err)
			}
			inUse += heap.InUse
			objects += heap.Objects
		}
		if err := pause.For(ctx, afterCollection); err != nil {
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
