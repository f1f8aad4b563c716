package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/node"
	"pushd/internal/poller"
	"pushd/internal/router"
)

// Verifier checks a user's token. *account.Verifier is one.
type Verifier interface {
	Verify(token string) (account.Claims, error)
}

// Options are the gateway's knobs; zero values are the defaults that WithDefaults
// has, where nothing else is said.
type Options struct {
	Heartbeat    time.Duration // a session silent for longer is closed 4102
	Ping         time.Duration // idle time after which a native ping is sent; 0 sends none
	LoginTimeout time.Duration // from the handshake to a login
	Workers      int           // goroutines for what may block
	WorkerQueue  int           // requests that may wait for one
	MaxErrors    int           // malformed frames in a row that close a connection
	NoResume     bool          // subscriptions of lost sessions are not kept

	MessageRate  int // messages a second of one connection, at most 1,000; negative is no limit
	MessageBurst int // that it may send at once, at most 50,000; default 4 times MessageRate
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with. Requests that wait for the database together are committed together,
// so Workers bounds what one commit holds; and a storm of logins, each of which
// asks the database, is let into WorkerQueue and not sent away.
func (o Options) WithDefaults() Options {
	if o.Heartbeat <= 0 {
		o.Heartbeat = time.Minute
	}
	if o.LoginTimeout <= 0 {
		o.LoginTimeout = 10 * time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 256
	}
	if o.WorkerQueue <= 0 {
		o.WorkerQueue = 65_536
	}
	if o.MaxErrors <= 0 {
		o.MaxErrors = 20
	}
	if o.MessageRate == 0 {
		o.MessageRate = 100
	}
	if o.MessageBurst <= 0 {
		o.MessageBurst = 4 * o.MessageRate
	}
	return o
}

// Gateway is the WebSocket door of one node.
type Gateway struct {
	// immutable
	opts      Options
	node      *node.Node
	verifier  Verifier // nil in open mode: UserId is taken at its word
	recheck   recheck  // the verifier, if it can revoke; else nil
	platforms *account.Platforms
	metrics   *metrics.Metrics
	log       *slog.Logger
	clock     clockwork.Clock // the node's: deadlines are in ticks of its loops
	table     *router.Table[*Session]
	lifecycle Lifecycle // nil: nobody is asked
	began     events.Publisher[account.SessionBegan]
	ended     events.Publisher[account.SessionEnded]
	loops     []loopState
	limit     limit
	workers   *workers

	// The two requests of which there are most.
	heartbeats, pings prometheus.Counter

	draining atomic.Bool
}

// loopState is what each loop keeps for the session it is serving at the moment.
type loopState struct {
	request codec.Request
	scratch []byte
	ctx     node.LoopContext
	_       [64]byte // loops do not share a cache line
}

// New makes the door of a node, with every route and its workers; Listen opens it.
// A nil verifier is the open mode. On the bus it publishes which sessions begin and end;
// nobody is told if it is nil.
func New(
	n *node.Node, verifier Verifier, platforms *account.Platforms, bus *events.Bus, services Services,
	m *metrics.Metrics, log *slog.Logger, opts Options, modules ...Module,
) *Gateway {
	g := &Gateway{
		opts: opts.WithDefaults(), node: n, verifier: verifier, platforms: platforms, metrics: m, log: log,
		clock:      n.Clock(),
		lifecycle:  services.Lifecycle,
		began:      events.PublisherOf[account.SessionBegan](bus),
		ended:      events.PublisherOf[account.SessionEnded](bus),
		loops:      make([]loopState, n.Loops()),
		heartbeats: m.RequestCounter("robot", "HeartBeat", codec.CodeOK),
		pings:      m.RequestCounter("robot", "Ping", codec.CodeOK),
	}
	g.recheck, _ = verifier.(recheck)
	g.limit = newLimit(g.opts.MessageRate, g.opts.MessageBurst)
	for i := range g.loops {
		g.loops[i].ctx.Context = context.Background()
	}
	g.table = routes(g, services, modules)
	g.workers = startWorkers(g, g.opts.Workers, g.opts.WorkerQueue)
	m.Gauge("pushd_worker_queue_length", "Requests waiting for a worker.", func() float64 { return float64(g.workers.waiting()) })
	return g
}

// Listen opens the door. After an error only Shutdown is left to call.
func (g *Gateway) Listen(ctx context.Context, addr string) error {
	return g.node.Listen(ctx, addr, func() (*poller.Conn, poller.Handler) {
		s := &Session{gateway: g}
		return &s.Conn, s
	})
}

// Routes lists "module.Action" of every route, sorted.
func (g *Gateway) Routes() []string { return g.table.Routes() }

// Shutdown stops accepting, closes every connection with 1012 spread over a time,
// waits for the Close frames to be answered, and ends the workers. The node is the
// owner's to shut down, afterwards.
func (g *Gateway) Shutdown(ctx context.Context, over time.Duration) error {
	g.draining.Store(true)
	err := g.node.Drain(ctx, over, func(c *poller.Conn) {
		// Clients come back over a time as long as the one they left in.
		wait := time.Second + rand.N(max(over, time.Second))
		c.Close(node.CloseRestart, fmt.Sprintf(`{"reconnect_after_ms":%d}`, wait.Milliseconds()), reasonRestart)
	})
	// What is left gets no more patience, but everything is always ended.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, g.workers.stop(last))
}
