package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/api/console"
	"pushd/internal/gateway"
	"pushd/internal/hub"
	"pushd/internal/metrics"
	"pushd/internal/poller"
	"pushd/internal/push"
	"pushd/internal/store"
)

const (
	// defaultGCPercent trades a little CPU for memory: the heap is mostly
	// connections that live long, and at Go's 100 it may double between two
	// collections. bench/RESULTS.md has the measurement.
	defaultGCPercent = 20
	// handoffQueue is how many HTTP connections may wait on the public port.
	handoffQueue = 256
	// sweepEvery is how often lost sessions that nobody resumed are forgotten.
	sweepEvery = 10 * time.Second
	// storeWorkers is how many requests wait for the database at a time. Those that
	// wait together are committed together, so it bounds what one commit holds.
	storeWorkers = 256
	// storeQueue is how many requests may wait for a worker, one of a connection: a
	// storm of logins, each of which asks the database, is let in and not sent away.
	storeQueue = 65_536
	// stopGrace is what stopping may take beyond the drain.
	stopGrace = 10 * time.Second
)

// node is everything that runs in one server.
type node struct {
	cfg      *Config
	log      *slog.Logger
	metrics  *metrics.Metrics
	gateway  *gateway.Gateway
	push     *push.Service
	admin    *api.Admin
	public   *api.Public
	handoff  *api.Handoff
	guard    *account.Guard // of users' tokens; nil without a database
	kept     kept
	watchers []*keyWatcher

	serving atomic.Bool
	failed  chan error // a listener that ended by itself
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
}

// runServe starts the server and serves until ctx ends.
func runServe(ctx context.Context, cfg *Config, log *slog.Logger) error {
	n, err := newNode(ctx, cfg, log)
	if err != nil {
		return err
	}
	if err := n.start(ctx); err != nil {
		return errors.Join(err, n.stop())
	}
	select {
	case <-ctx.Done():
	case err = <-n.failed:
	}
	return errors.Join(err, n.stop())
}

// newNode puts the parts together; nothing runs or listens yet.
func newNode(ctx context.Context, cfg *Config, log *slog.Logger) (*node, error) {
	n := &node{cfg: cfg, log: log, failed: make(chan error, 2), cancel: func() {}}
	keys, err := LoadOrCreateKeys(cfg)
	if err != nil {
		return nil, err
	}
	for _, file := range keys.Created {
		log.Info("made a key", slog.String("file", file))
	}
	verifier, watchers, err := newVerifier(ctx, cfg, keys, log)
	if err != nil {
		return nil, err
	}
	n.watchers = watchers
	apiKeys, err := newAPIKeys(cfg, keys)
	if err != nil {
		return nil, err
	}
	platforms, err := account.NewPlatforms(cfg.Platforms)
	if err != nil {
		return nil, err
	}
	options, err := n.gatewayOptions()
	if err != nil {
		return nil, err
	}
	n.metrics = metrics.New(options.Poller.Loops)
	n.handoff = api.NewHandoff(&net.TCPAddr{}, handoffQueue)
	options.Poller.Handoff = n.handoff.Push
	db, err := openStore(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	if err := n.assemble(ctx, db, verifier, apiKeys, platforms, options); err != nil {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return nil, err
	}
	return n, nil
}

// assemble makes the parts that know each other. db and verifier may be nil.
func (n *node) assemble(ctx context.Context, db *store.Store, verifier *account.Verifier, apiKeys *account.APIKeys, platforms *account.Platforms, options gateway.Options) (err error) {
	cfg, log := n.cfg, n.log
	if db != nil {
		if n.guard, err = newGuard(cfg, verifier, log); err != nil {
			return err
		}
	}
	tokens, users := n.verifiers(verifier)
	if n.gateway, err = gateway.New(tokens, platforms, n.metrics, log, options); err != nil {
		return err
	}
	if db != nil {
		if n.kept, err = newKept(ctx, cfg, db, platforms, n); err != nil {
			return err
		}
	}
	n.push = push.New(n.kept.pushPorts(n.gateway), platforms, push.Options{
		MaxMessage:    int(cfg.MaxMessage),
		ClientPublish: cfg.Topics.Publish,
		PresenceAll:   cfg.Presence.All,
		Log:           log,
		Drops:         n.metrics,

		PresenceAnnounce: cfg.Presence.Announce,
		TopicPresence:    prefixes(cfg.Topics.Presence).fit,
		// What is recovered shares the client's send buffer with what is pushed
		// meanwhile.
		MaxRecover: int(cfg.SendBuffer) / 2,
	})
	build := readBuild()
	n.admin = api.NewAdmin(n.push, apiKeys, n.metrics, api.AdminOptions{
		Ready:       n.ready,
		Check:       n.gateway.Check,
		Services:    n.kept.http(),
		Build:       api.Build{Version: build.Version, Revision: build.Revision, Time: build.Time, Go: build.Go},
		NoProfiles:  !cfg.Pprof,
		LogRequests: cfg.Log.Requests,
		Log:         log,
	})
	public := api.PublicOptions{AllowOrigin: n.gateway.AllowOrigin, Services: n.kept.http(), Users: users, ClientAddress: n.gateway.ClientAddress, Log: log}
	if cfg.Page {
		public.Console = console.Files
	}
	n.public, err = api.NewPublic(n.metrics, public)
	return err
}

// verifiers check users' tokens at the socket and over HTTP. In open mode the
// socket asks for none.
func (n *node) verifiers(external *account.Verifier) (gateway.Verifier, api.Users) {
	switch {
	case n.cfg.Auth.Mode == "open":
		return nil, account.OpenUsers{Guard: n.guard}
	case n.guard != nil:
		return n.guard, n.guard
	}
	return external, external
}

func (n *node) gatewayOptions() (gateway.Options, error) {
	cfg := n.cfg
	limit, err := cfg.ConnectionLimit()
	if err != nil {
		return gateway.Options{}, err
	}
	loops := cfg.Loops
	if loops == 0 {
		loops = runtime.GOMAXPROCS(0)
	}
	workers, queue := cfg.Workers, 0
	if cfg.Store != noStore {
		queue = storeQueue
		if workers == 0 {
			workers = storeWorkers
		}
	}
	origins := cfg.Origins
	if len(origins) == 1 && origins[0] == "same" {
		origins = nil
	}
	windows, err := parseMergeWindows(cfg.Topics.MergeWindow)
	if err != nil {
		return gateway.Options{}, err
	}
	histories, err := parseHistories(cfg.Topics.History)
	if err != nil {
		return gateway.Options{}, err
	}
	policy := map[string]hub.Policy{"replace": hub.PolicyReplace, "refuse": hub.PolicyRefuse, "allow": hub.PolicyAllow}[cfg.MultiLogin]
	return gateway.Options{
		Poller: poller.Options{
			Path:             cfg.Path,
			Loops:            loops,
			HandshakeTimeout: cfg.HandshakeTimeout,
			WriteTimeout:     cfg.WriteTimeout,
			MaxHeader:        int(cfg.MaxHeader),
			MaxMessage:       int(cfg.MaxMessage),
			MaxFragments:     cfg.MaxFragments,
			SendBuffer:       int(cfg.SendBuffer),
			MaxConnections:   limit,
			MaxPerAddress:    cfg.MaxConnectionsPerIP,
			HandshakeRate:    cfg.HandshakeRatePerIP,
			Origins:          origins,
			TrustedProxies:   cfg.TrustedProxies,
			QueryToken:       cfg.Auth.QueryToken,
		},
		Hub: hub.Options{
			Policy:              policy,
			MaxPerPlatform:      cfg.MaxPerPlatform,
			MergeWindow:         windows.of,
			MaxTopics:           cfg.Topics.Max,
			MaxTopicsPerSession: cfg.Topics.PerSession,
			MaxTopicsPerUser:    cfg.Topics.PerUser,
			History:             histories.of,
			MaxHistory:          cfg.Topics.HistoryTopics,
			MaxHistoryBytes:     int(cfg.Topics.HistoryBytes),
			Roster:              prefixes(cfg.Topics.Presence).fit,
			ResumeWindow:        cfg.ResumeWindow,
		},
		Node:         cfg.Node,
		Heartbeat:    cfg.Heartbeat,
		Ping:         cfg.Ping,
		LoginTimeout: cfg.LoginTimeout,
		MaxErrors:    cfg.MaxErrors,
		Workers:      workers,
		WorkerQueue:  queue,
		NoResume:     cfg.ResumeWindow == 0,
		MessageRate:  cfg.Rate.Messages,
		MessageBurst: cfg.Rate.Burst,
	}, nil
}

// start opens the listeners, the public one last: by then everything behind it
// works.
func (n *node) start(ctx context.Context) error {
	percent := n.cfg.GCPercent
	if percent == 0 {
		percent = defaultGCPercent
	}
	debug.SetGCPercent(percent)
	var lc net.ListenConfig
	admin, err := lc.Listen(ctx, "tcp", n.cfg.AdminListen)
	if err != nil {
		return fmt.Errorf("admin-listen: %w", err)
	}
	n.push.Start()
	n.serve("admin", func() error { return n.admin.Serve(admin) })
	n.serve("public", func() error { return n.public.Serve(n.handoff) })
	// What runs beside goes on while connections are drained.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.cancel = cancel
	for _, w := range n.watchers {
		n.tasks.Go(func() { w.Run(background) })
	}
	n.tasks.Go(func() { n.sweep(background) })
	if err := n.kept.run(ctx, background, &n.tasks); err != nil {
		return err
	}
	if err := n.gateway.Listen(ctx, n.cfg.Listen, n.kept.socket(n.push), modules()...); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	n.serving.Store(true)
	n.kept.started()
	n.log.Info("ready",
		slog.String("listen", n.gateway.Addr().String()), slog.String("path", n.cfg.Path),
		slog.String("admin", admin.Addr().String()),
		slog.String("auth", n.cfg.Auth.Mode), slog.String("node", n.cfg.Node))
	return nil
}

func (n *node) serve(name string, serve func() error) {
	n.tasks.Go(func() {
		if err := serve(); err != nil {
			n.failed <- fmt.Errorf("%s listener: %w", name, err)
		}
	})
}

func (n *node) sweep(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			n.gateway.Sweep()
		}
	}
}

// ready is what /readyz answers.
func (n *node) ready() error {
	if !n.serving.Load() {
		return errors.New("not serving: starting or shutting down")
	}
	return nil
}

// stop ends everything in the reverse order of start: readiness fails first,
// then clients are told to go elsewhere over the drain time.
func (n *node) stop() error {
	began := time.Now()
	n.serving.Store(false)
	n.log.Info("stopping", slog.String("drain", n.cfg.Drain.String()), slog.Int64("connections", n.metrics.Connections()))
	ctx, cancel := context.WithTimeout(context.Background(), n.cfg.Drain+stopGrace)
	defer cancel()
	err := errors.Join(
		n.gateway.Shutdown(ctx, n.cfg.Drain),
		n.public.Shutdown(ctx),
		n.push.Shutdown(ctx),
		n.admin.Shutdown(ctx),
	)
	n.cancel()
	n.tasks.Wait()
	err = errors.Join(err, n.kept.close(ctx))
	n.log.Info("stopped", slog.String("took", time.Since(began).Round(time.Millisecond).String()))
	return err
}
