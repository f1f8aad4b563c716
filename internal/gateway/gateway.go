package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/hub"
	"pushd/internal/metrics"
	"pushd/internal/poller"
	"pushd/internal/router"
)

// Verifier checks a user's token. *account.Verifier is one.
type Verifier interface {
	Verify(token string) (account.Claims, error)
}

// Options are the gateway's knobs; zero values are the defaults named.
type Options struct {
	Poller poller.Options
	Hub    hub.Options // Presence is set by the gateway

	Node         string        // this node's name in replies; default "pushd"
	Heartbeat    time.Duration // a session silent for longer is closed 4102; default 60 s
	Ping         time.Duration // idle time after which a native ping is sent; 0 sends none
	LoginTimeout time.Duration // from the handshake to a login; default 10 s
	Workers      int           // goroutines for what may block; default 16
	WorkerQueue  int           // requests that may wait for one; default 4096
	MaxErrors    int           // malformed frames in a row that close a connection; default 20
	NoResume     bool          // subscriptions of lost sessions are not kept

	MessageRate  int // messages a second of one connection, at most 1,000; 0 is no limit
	MessageBurst int // that it may send at once, at most 50,000; default 4 times MessageRate
}

func (o Options) withDefaults() Options {
	if o.Node == "" {
		o.Node = "pushd"
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = time.Minute
	}
	if o.LoginTimeout <= 0 {
		o.LoginTimeout = 10 * time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.WorkerQueue <= 0 {
		o.WorkerQueue = 4096
	}
	if o.MaxErrors <= 0 {
		o.MaxErrors = 20
	}
	if o.MessageBurst <= 0 {
		o.MessageBurst = 4 * o.MessageRate
	}
	return o
}

// Gateway is the WebSocket door of one node.
type Gateway struct {
	// immutable after Listen
	opts      Options
	verifier  Verifier // nil in open mode: UserId is taken at its word
	recheck   recheck  // the verifier, if it can revoke; else nil
	platforms *account.Platforms
	metrics   *metrics.Metrics
	log       *slog.Logger
	server    *poller.Server
	hub       *hub.Hub
	table     *router.Table[*Session]
	lifecycle Lifecycle // nil: nobody is asked
	presence  func(user string, platform account.Platform, online bool)
	chat      *chat.Service // nil without a store
	loops     []loopState
	limit     limit

	// The two requests of which there are most.
	heartbeats, pings prometheus.Counter

	workers  *workers
	draining atomic.Bool
}

// loopState is what each loop keeps for the session it is serving at the moment.
type loopState struct {
	request codec.Request
	scratch []byte
	ctx     loopContext
	_       [64]byte // loops do not share a cache line
}

// New makes a gateway with its loops and its hub; Listen opens the door. A nil
// verifier is the open mode. The metrics must have been made for the number of
// loops in the options.
func New(verifier Verifier, platforms *account.Platforms, m *metrics.Metrics, log *slog.Logger, opts Options) (*Gateway, error) {
	g := &Gateway{
		opts: opts.withDefaults(), verifier: verifier, platforms: platforms, metrics: m, log: log,
		heartbeats: m.RequestCounter("robot", "HeartBeat", codec.CodeOK),
		pings:      m.RequestCounter("robot", "Ping", codec.CodeOK),
	}
	g.recheck, _ = verifier.(recheck)
	g.limit = newLimit(g.opts.MessageRate, g.opts.MessageBurst)
	server, err := poller.New(func() (*poller.Conn, poller.Handler) {
		s := &Session{gateway: g}
		return &s.Conn, s
	}, m, log, g.opts.Poller)
	if err != nil {
		return nil, err
	}
	g.server = server
	g.loops = make([]loopState, server.Len())
	for i := range g.loops {
		g.loops[i].ctx.Context = context.Background()
	}
	g.opts.Hub.Presence = func(user string, platform uint8, online bool) {
		g.presence(user, account.Platform(platform), online)
	}
	if g.hub, err = hub.New(server, g.opts.Hub); err != nil {
		return nil, err
	}
	return g, nil
}

// Listen registers the routes, starts the workers and opens the door. After an
// error only Shutdown is left to call.
func (g *Gateway) Listen(ctx context.Context, addr string, services Services, modules ...Module) error {
	g.lifecycle = services.Lifecycle
	g.table = routes(g, services, modules)
	g.presence = services.Push.Presence
	g.chat = services.Chat
	g.workers = startWorkers(g, g.opts.Workers, g.opts.WorkerQueue)
	g.describe()
	return g.server.Listen(ctx, addr)
}

// Addr is the bound address after Listen.
func (g *Gateway) Addr() net.Addr { return g.server.Addr() }

// AllowOrigin is poller.Server.AllowOrigin.
func (g *Gateway) AllowOrigin(origin, host string) bool { return g.server.AllowOrigin(origin, host) }

// ClientAddress is poller.Server.ClientAddress.
func (g *Gateway) ClientAddress(peer netip.Addr, forwarded string) netip.Addr {
	return g.server.ClientAddress(peer, forwarded)
}

// Routes lists "module.Action" of every route, sorted.
func (g *Gateway) Routes() []string { return g.table.Routes() }

// Check looks for contradictions in the directory; see hub.Check.
func (g *Gateway) Check(ctx context.Context) (quiet bool, err error) { return g.hub.Check(ctx) }

// Sweep forgets lost sessions whose time to resume is over. The owner calls it
// now and then.
func (g *Gateway) Sweep() { g.hub.Sweep() }

// describe registers the hub's figures with the metrics.
func (g *Gateway) describe() {
	gauge := func(name, help string, read func() int) {
		g.metrics.Gauge(name, help, func() float64 { return float64(read()) })
	}
	gauge("pushd_sessions", "Logged-in sessions.", func() int { return g.hub.Counts().Sessions })
	gauge("pushd_users_online", "Users with at least one session.", func() int { return g.hub.Counts().Users })
	gauge("pushd_topics", "Topics with at least one subscriber.", func() int { return g.hub.Stats().Topics })
	gauge("pushd_topics_remembered", "Topics with a history, with subscribers or without.", func() int { return g.hub.Stats().Remembered })
	gauge("pushd_topic_history_bytes", "Bytes of the histories of topics.", func() int { return g.hub.Stats().MemoryBytes })
	gauge("pushd_groups", "Groups held in memory.", func() int { return g.hub.Stats().Groups })
	gauge("pushd_sessions_parked", "Lost sessions whose subscriptions can be resumed.", func() int { return g.hub.Stats().ParkedNow })
	gauge("pushd_delivery_queue_bytes", "Deliveries waiting for their event loop.", func() int { return g.hub.Stats().QueuedBytes })
	gauge("pushd_worker_queue_length", "Requests waiting for a worker.", func() int { return g.workers.waiting() })
	counter := func(name, help string, read func(hub.Stats) uint64) {
		g.metrics.Counter(name, help, func() float64 { return float64(read(g.hub.Stats())) })
	}
	counter("pushd_deliveries_total", "Pushes handed to the hub.", func(s hub.Stats) uint64 { return s.Deliveries })
	counter("pushd_deliveries_busy_total", "Pushes that an event loop was too busy to take.", func(s hub.Stats) uint64 { return s.Busy })
	counter("pushd_frames_joined_total", "Frames that left within another one's write.", func(s hub.Stats) uint64 { return s.Joined })
	counter("pushd_logins_replaced_total", "Sessions replaced by another login.", func(s hub.Stats) uint64 { return s.Replaced })
	counter("pushd_logins_refused_total", "Logins refused by policy or bound.", func(s hub.Stats) uint64 { return s.Refused })
	counter("pushd_topics_forgotten_total", "Topics whose history was forgotten at a bound.", func(s hub.Stats) uint64 { return s.Forgotten })
	counter("pushd_recoveries_total", "Subscriptions that recovered all they had missed.", func(s hub.Stats) uint64 { return s.Recovered })
	counter("pushd_recoveries_refused_total", "Subscriptions told that what they had missed is not all remembered.", func(s hub.Stats) uint64 { return s.Unrecovered })
	counter("pushd_sessions_resumed_total", "Sessions that got their subscriptions back.", func(s hub.Stats) uint64 { return s.Resumed })
}

// Shutdown stops accepting, closes every connection with 1012 spread over a
// time, waits for the Close frames to be answered, and ends the loops.
func (g *Gateway) Shutdown(ctx context.Context, over time.Duration) error {
	g.draining.Store(true)
	g.server.StopAccepting()
	err := g.server.Drain(ctx, over, func(c *poller.Conn) {
		// Clients come back over a time as long as the one they left in.
		wait := time.Second + rand.N(max(over, time.Second))
		c.Close(closeRestart, fmt.Sprintf(`{"reconnect_after_ms":%d}`, wait.Milliseconds()), reasonRestart)
	})
	for err == nil && g.server.Connections() > 0 {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	// What is left gets no more patience, but everything is always ended.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if g.workers != nil {
		err = errors.Join(err, g.workers.stop(last))
	}
	return errors.Join(err, g.server.Shutdown(last))
}
