package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/api/console"
	"pushd/internal/chat"
	"pushd/internal/config"
	"pushd/internal/events"
	"pushd/internal/gateway"
	"pushd/internal/members"
	"pushd/internal/metrics"
	"pushd/internal/node"
	"pushd/internal/push"
	"pushd/internal/store"
)

const (
	// handoffQueue is how many HTTP connections may wait on the public port.
	handoffQueue = 256
	// sweepEvery is how often lost sessions that nobody resumed are forgotten.
	sweepEvery = 10 * time.Second
	// stopGrace is what stopping may take beyond the drain.
	stopGrace = 10 * time.Second
)

// server is everything that runs in one process.
type server struct {
	// immutable
	cfg      *config.Config
	log      *slog.Logger
	metrics  *metrics.Metrics
	events   *events.Bus
	node     *node.Node
	gateway  *gateway.Gateway
	push     *push.Service
	groups   api.GroupAdmin // of the store, or in memory without one
	admin    *api.Admin
	public   *api.Public
	handoff  *api.Handoff
	guard    *account.Guard // of users' tokens; nil without a database
	members  *members.Cache // nil without a database
	stored   *stored        // nil without a database
	watchers []*keyWatcher

	serving atomic.Bool // the doors are open, and not being closed
	started atomic.Bool // everything behind the doors works
	failed  chan error  // a listener that ended by itself
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
}

// runServe starts the server and serves until ctx ends.
func runServe(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	s, err := newServer(ctx, cfg, log)
	if err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return errors.Join(err, s.stop())
	}
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	return errors.Join(err, s.stop())
}

// newServer puts all parts together, each made whole from those before it; nothing
// listens yet. What it returns has to be stopped, started or not.
func newServer(ctx context.Context, cfg *config.Config, log *slog.Logger) (*server, error) {
	s := &server{cfg: cfg, log: log, failed: make(chan error, 2), cancel: func() {}}
	keys, err := config.LoadOrCreateKeys(cfg)
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
	s.watchers = watchers
	apiKeys, err := newAPIKeys(cfg, keys)
	if err != nil {
		return nil, err
	}
	platforms, err := account.NewPlatforms(cfg.Platforms)
	if err != nil {
		return nil, err
	}
	options, err := s.nodeOptions()
	if err != nil {
		return nil, err
	}
	s.metrics = metrics.New(options.Poller.Loops)
	s.events = events.New(s.metrics, log)
	s.handoff = api.NewHandoff(&net.TCPAddr{}, handoffQueue)
	options.Poller.Handoff = s.handoff.Push
	db, err := openStore(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	if err := s.assemble(ctx, db, verifier, apiKeys, platforms, options); err != nil {
		return nil, errors.Join(err, s.abandon(db))
	}
	return s, nil
}

// abandon ends what was made before something else could not be.
func (s *server) abandon(db *store.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	var err error
	if s.node != nil {
		err = s.node.Shutdown(ctx)
	}
	if db != nil {
		err = errors.Join(err, db.Close())
	}
	return err
}

// assemble makes the node, the services on it and the doors in front of them. db
// and verifier may be nil.
func (s *server) assemble(ctx context.Context, db *store.Store, verifier *account.Verifier, apiKeys *account.APIKeys, platforms *account.Platforms, options node.Options) (err error) {
	cfg, log := s.cfg, s.log
	if db != nil {
		if s.guard, err = newGuard(cfg, verifier, log); err != nil {
			return err
		}
	}
	groups := s.memberSource(db, &options)
	options.Events = s.events
	if s.node, err = node.New(platforms, s.metrics, log, options); err != nil {
		return err
	}
	ports := push.Ports{Deliverer: s.node, Closer: s.node, Directory: s.node, Topics: s.node, Events: s.events}
	if db != nil {
		if s.stored, err = newStored(ctx, cfg, db, platforms, s); err != nil {
			return err
		}
		ports.Durable = s.stored.chat
		s.groups = chat.NewGroupAdmin(s.stored.chat, s.node)
	} else {
		s.groups = push.NewGroupAdmin(groups, s.node, log)
	}
	pushes := cfg.PushOptions()
	pushes.Log, pushes.Drops = log, s.metrics
	s.push = push.New(ports, platforms, pushes)
	return s.assembleDoors(verifier, apiKeys, platforms)
}

// memberSource says where groups' members come from: the store, through a cache,
// or memory, and then the groups themselves are there.
func (s *server) memberSource(db *store.Store, options *node.Options) *push.MemoryGroups {
	held := func(read func() int) {
		s.metrics.Gauge("pushd_groups", "Groups held in memory.", func() float64 { return float64(read()) })
	}
	if db == nil {
		groups := push.NewMemoryGroups(0, 0)
		options.Members = groups
		held(groups.Len)
		return groups
	}
	s.members = members.New(chat.NewMemberSource(db), members.Options{})
	options.Members = s.members
	held(s.members.Groups)
	return nil
}

func (s *server) assembleDoors(verifier *account.Verifier, apiKeys *account.APIKeys, platforms *account.Platforms) (err error) {
	cfg, log := s.cfg, s.log
	tokens, users := s.verifiers(verifier)
	services := s.stored.socket(s.push)
	s.gateway = gateway.New(s.node, tokens, platforms, s.events, services, s.metrics, log, cfg.GatewayOptions(), modules()...)
	build := readBuild()
	s.admin = api.NewAdmin(s.push, apiKeys, s.metrics, api.AdminOptions{
		Ready:       s.ready,
		Started:     s.started.Load,
		Check:       s.node.Check,
		Groups:      s.groups,
		Services:    s.stored.http(),
		Build:       api.Build{Version: build.Version, Revision: build.Revision, Time: build.Time, Go: build.Go},
		NoProfiles:  !cfg.Pprof,
		LogRequests: cfg.Log.Requests,
		Log:         log,
	})
	public := api.PublicOptions{AllowOrigin: s.node.AllowOrigin, Services: s.stored.http(), Users: users, ClientAddress: s.node.ClientAddress, Log: log}
	if cfg.Page {
		public.Console = console.Files
	}
	s.public, err = api.NewPublic(s.metrics, public)
	return err
}

// verifiers check users' tokens at the socket and over HTTP. In open mode the
// socket asks for none.
func (s *server) verifiers(external *account.Verifier) (gateway.Verifier, api.Users) {
	switch {
	case s.cfg.Auth.Mode == "open":
		return nil, account.OpenUsers{Guard: s.guard}
	case s.guard != nil:
		return s.guard, s.guard
	}
	return external, external
}

// nodeOptions are what the configuration says of the node and its loops.
func (s *server) nodeOptions() (node.Options, error) {
	files, err := config.OpenFiles()
	if err != nil {
		return node.Options{}, err
	}
	return s.cfg.NodeOptions(files)
}

// start opens the listeners, the public one last: by then everything behind it
// works. The admin listener says so before: it tells that the server lives, and
// 503 to whatever needs more.
func (s *server) start(ctx context.Context) error {
	debug.SetGCPercent(s.cfg.GCTarget())
	var lc net.ListenConfig
	admin, err := lc.Listen(ctx, "tcp", s.cfg.AdminListen)
	if err != nil {
		return fmt.Errorf("admin-listen: %w", err)
	}
	s.events.Start()
	s.serve("admin", func() error { return s.admin.Serve(admin) })
	s.serve("public", func() error { return s.public.Serve(s.handoff) })
	s.push.Start()
	// What runs beside goes on while connections are drained.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	for _, w := range s.watchers {
		s.tasks.Go(func() { w.Run(background) })
	}
	s.tasks.Go(func() { s.sweep(background) })
	if err := s.stored.run(ctx, background, &s.tasks, s.log); err != nil {
		return err
	}
	if err := s.gateway.Listen(ctx, s.cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.started.Store(true)
	s.serving.Store(true)
	events.PublisherOf[events.ServerStarted](s.events).Publish(events.ServerStarted{})
	s.log.Info("ready",
		slog.String("listen", s.node.Addr().String()), slog.String("path", s.cfg.Path),
		slog.String("admin", admin.Addr().String()),
		slog.String("auth", s.cfg.Auth.Mode), slog.String("node", s.cfg.Node))
	return nil
}

func (s *server) serve(name string, serve func() error) {
	s.tasks.Go(func() {
		if err := serve(); err != nil {
			s.failed <- fmt.Errorf("%s listener: %w", name, err)
		}
	})
}

func (s *server) sweep(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.node.Sweep()
		}
	}
}

// ready is what /readyz answers.
func (s *server) ready() error {
	if !s.serving.Load() {
		return errors.New("not serving: starting or shutting down")
	}
	return nil
}

// stop ends everything in the reverse order of start: readiness fails first,
// then clients are told to go elsewhere over the drain time.
func (s *server) stop() error {
	began := time.Now()
	s.serving.Store(false)
	s.log.Info("stopping", slog.Duration("drain", s.cfg.Drain), slog.Int64("connections", s.metrics.Connections()))
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Drain+stopGrace)
	defer cancel()
	err := errors.Join(
		s.gateway.Shutdown(ctx, s.cfg.Drain),
		s.node.Shutdown(ctx),
		s.public.Shutdown(ctx),
		s.push.Shutdown(ctx),
		s.admin.Shutdown(ctx),
	)
	s.cancel()
	s.tasks.Wait()
	err = errors.Join(err, s.stored.close(ctx, s.events))
	s.log.Info("stopped", slog.Duration("took", time.Since(began).Round(time.Millisecond)))
	return err
}
