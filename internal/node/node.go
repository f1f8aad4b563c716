package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/jonboulle/clockwork"

	"pushd/internal/account"
	"pushd/internal/delivery"
	"pushd/internal/events"
	"pushd/internal/hub"
	"pushd/internal/metrics"
	"pushd/internal/poller"
	"pushd/internal/push"
)

// What the node is for the services.
var (
	_ delivery.Deliverer = (*Node)(nil)
	_ delivery.Closer    = (*Node)(nil)
	_ push.Directory     = (*Node)(nil)
	_ push.OnlineLister  = (*Node)(nil)
	_ push.Topics        = (*Node)(nil)
)

// DefaultName is a node's name where none is configured.
const DefaultName = "pushd"

// Options are the node's knobs; zero values are the defaults named.
type Options struct {
	Poller poller.Options // Clock is set by the node
	Hub    hub.Options    // Presence and Now are set by the node

	Name string // this node's name in replies; DefaultName if ""
	// Clock is the node's, its loops' and its directory's; they take it from here,
	// and the doors and services from Node.Clock. The real one if nil, with which
	// each loop has a timer of the kernel's.
	Clock clockwork.Clock
	// Members tells who is in a group; without it there are no groups.
	Members delivery.MemberSource
	// Events takes push.PresenceChanged; nobody is told if nil.
	Events *events.Bus
}

// Node is the delivery engine of one node. Its methods may be called from any
// goroutine, except those that say that they belong on a session's loop.
type Node struct {
	// immutable
	name      string
	platforms *account.Platforms
	members   delivery.MemberSource // nil: there are no groups
	clock     clockwork.Clock
	metrics   *metrics.Metrics
	server    *poller.Server
	hub       *hub.Hub
}

// New makes a node with its loops and its directory. The metrics must have been
// made for the number of loops in the options.
func New(platforms *account.Platforms, m *metrics.Metrics, log *slog.Logger, o Options) (*Node, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	clock := o.Clock
	if clock == nil {
		clock = clockwork.NewRealClock()
	}
	o.Poller.Clock, o.Hub.Now = o.Clock, clock.Now
	server, err := poller.New(m, log, o.Poller)
	if err != nil {
		return nil, err
	}
	presence := events.PublisherOf[push.PresenceChanged](o.Events)
	o.Hub.Presence = func(user string, platform uint8, online bool) {
		presence.Publish(push.PresenceChanged{User: user, Platform: account.Platform(platform), Online: online})
	}
	h, err := hub.New(server, o.Hub)
	if err != nil {
		return nil, errors.Join(err, server.Shutdown(context.Background()))
	}
	n := &Node{name: o.Name, platforms: platforms, members: o.Members, clock: clock, metrics: m, server: server, hub: h}
	n.describe()
	return n, nil
}

// Listen opens the node's address for clients: newConn makes what serves each
// connection. After an error only Shutdown is left to call.
func (n *Node) Listen(ctx context.Context, addr string, newConn poller.NewConn) error {
	return n.server.Listen(ctx, addr, newConn)
}

// Addr is the bound address after Listen.
func (n *Node) Addr() net.Addr { return n.server.Addr() }

// Name is the node's name.
func (n *Node) Name() string { return n.name }

// Clock is what the node reads the time from.
func (n *Node) Clock() clockwork.Clock { return n.clock }

// Loops is the number of event loops.
func (n *Node) Loops() int { return n.server.Len() }

// AllowOrigin is poller.Server.AllowOrigin.
func (n *Node) AllowOrigin(origin, host string) bool { return n.server.AllowOrigin(origin, host) }

// ClientAddress is poller.Server.ClientAddress.
func (n *Node) ClientAddress(peer netip.Addr, forwarded string) netip.Addr {
	return n.server.ClientAddress(peer, forwarded)
}

// Check looks for contradictions in the directory; see hub.Check.
func (n *Node) Check(ctx context.Context) (quiet bool, err error) { return n.hub.Check(ctx) }

// Sweep forgets lost sessions whose time to resume is over. The owner calls it
// now and then.
func (n *Node) Sweep() { n.hub.Sweep() }

// Drain stops accepting, has each connection leave, spread evenly over a time, and
// waits until all are closed or ctx is done. leave is called on the loops.
func (n *Node) Drain(ctx context.Context, over time.Duration, leave func(*poller.Conn)) error {
	n.server.StopAccepting()
	if err := n.server.Drain(ctx, over, leave); err != nil {
		return err
	}
	return n.server.WaitEmpty(ctx)
}

// Shutdown closes what is still open and ends the loops.
func (n *Node) Shutdown(ctx context.Context) error { return n.server.Shutdown(ctx) }
