// Package push is the service that backends and clients push through. Each part is
// a small type with what it needs and no more, and Service is all of them:
//
//   - pushService: pushes to users, groups, topics, sessions or everyone; in batches,
//     durable, once for an idempotency key, held for users that are offline
//   - topicService: subscriptions, publications, histories, who is in a topic
//   - presenceService: who watches which users, and the digests of who came and went
//   - onlineService: who is online, and closing sessions
//
// Beside them are MemoryGroups, the groups of a server without a store, and
// GroupAdmin, through which backends change those.
//
// The doors call methods of the form func(ctx, account.Identity, Request) (Reply,
// error), and what each caller may do is checked here, so that no door can forget
// it. The package declares the ports it needs of the node in ports.go; it knows no
// socket and no HTTP, and stores nothing on disk.
//
// Nothing that comes in with a request is retained beyond the call, except
// copies.
package push

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"pushd/internal/account"
	"pushd/internal/delivery"
	"pushd/internal/events"
)

// Ports are what the service needs of the node, and where durable pushes and the
// outcomes of idempotency keys are stored.
type Ports struct {
	Deliverer delivery.Deliverer
	Closer    delivery.Closer
	Directory Directory
	Topics    Topics
	// Durable stores durable pushes, which are refused if it is nil.
	Durable Durable
	// Idempotency remembers what became of keys; in this server's memory if nil.
	Idempotency Idempotency
	// Events brings PresenceChanged; without it nobody comes or goes.
	Events *events.Bus
}

// Service is the push service. Its methods may be called from any goroutine.
type Service struct {
	// Immutable after New.
	*pushService
	*topicService
	*presenceService
	*onlineService

	clock   clockwork.Clock
	stop    chan struct{}
	stopped chan struct{}
	started atomic.Bool
	once    sync.Once
}

// New makes a service. It holds pushes and collects presence only once Start
// was called.
func New(ports Ports, platforms *account.Platforms, o Options) *Service {
	o = o.WithDefaults()
	names := platformNames{platforms}
	s := &Service{
		pushService:     newPushService(ports, names, o),
		topicService:    newTopicService(ports, o),
		presenceService: newPresenceService(ports, names, o),
		onlineService:   newOnlineService(ports, names, o),
		clock:           o.Clock,
		stop:            make(chan struct{}),
		stopped:         make(chan struct{}),
	}
	if ports.Events != nil {
		s.subscribe(ports.Events)
	}
	return s
}

// digestEvery is how often presence digests are sent and what is held is
// looked over.
const digestEvery = time.Second

// Start starts the one goroutine that sends presence digests and delivers what
// was held. It is stopped by Shutdown.
func (s *Service) Start() {
	if !s.started.CompareAndSwap(false, true) {
		panic("push: Start called twice")
	}
	go s.run(s.clock.NewTicker(digestEvery))
}

// Shutdown stops the goroutine and waits for it. What is still held is lost:
// it was promised to live in memory only.
func (s *Service) Shutdown(ctx context.Context) error {
	s.once.Do(func() { close(s.stop) })
	if !s.started.Load() {
		return nil
	}
	select {
	case <-s.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("push service did not stop: %w", ctx.Err())
	}
}

func (s *Service) run(tick clockwork.Ticker) {
	defer tick.Stop()
	defer close(s.stopped)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // a delivery under way ends with the service
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case <-s.stop:
			return
		case <-s.held.wake:
			s.deliverHeld(ctx)
		case <-tick.Chan():
			s.held.expire()
			s.deliverHeld(ctx)
			s.digest(ctx)
			s.announce(ctx)
			s.topicDigests(ctx)
		}
	}
}
