package poller

import (
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/jonboulle/clockwork"
)

// Options are the knobs of a Server. A zero value is the default that
// WithDefaults has, where nothing else is said.
type Options struct {
	// Path is the request path of the WebSocket endpoint.
	Path string
	// Loops is the number of event loops. One for each processor
	// (GOMAXPROCS) by default.
	Loops int
	// HandshakeTimeout bounds the opening handshake as a whole, from accept to
	// the last header byte.
	HandshakeTimeout time.Duration
	// WriteTimeout is how old the oldest unsent byte of a connection may grow
	// before the peer counts as a slow consumer.
	WriteTimeout time.Duration
	// CloseTimeout is how long a peer has to answer our Close frame.
	CloseTimeout time.Duration
	// MaxHeader bounds the opening handshake's bytes.
	MaxHeader int
	// MaxMessage bounds a message's payload, fragments summed.
	MaxMessage int
	// MaxFragments bounds how many frames one message may come in.
	MaxFragments int
	// SendBuffer bounds the bytes queued for one connection beyond what the
	// kernel took; a single frame may be larger.
	SendBuffer int
	// MaxConnections bounds open connections, handed-off ones included; beyond it a
	// dial is answered 503.
	// Default 0: as many as the process may open files.
	MaxConnections int
	// MaxPerAddress bounds open connections of one client address. Default 0: off.
	MaxPerAddress int
	// HandshakeRate bounds the opening handshakes of one client address in a
	// second. Default 0: off.
	HandshakeRate int
	// Origins are the allowed values of the Origin header, scheme://host[:port]
	// each, SameOrigin for the one whose host is the request's own, or "*" for any.
	// Nil is SameOrigin; an empty list refuses every browser.
	Origins []string
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// QueryToken allows ?token= in the handshake's request target.
	QueryToken bool
	// Handoff takes a connection whose request is not for Path, with the bytes
	// already read put back. It must not block; false means it could not take it
	// and the connection is closed. Default: such requests are answered 404.
	Handoff func(net.Conn) bool
	// Clock drives the loops and is what time is read from. Default: the kernel's
	// timers, one for each loop, and the time of the system.
	Clock clockwork.Clock
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	dur := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if o.Path == "" {
		o.Path = "/ws"
	}
	if o.Origins == nil {
		o.Origins = []string{SameOrigin}
	}
	def(&o.Loops, runtime.GOMAXPROCS(0))
	dur(&o.HandshakeTimeout, 10*time.Second)
	dur(&o.WriteTimeout, 10*time.Second)
	dur(&o.CloseTimeout, 3*time.Second)
	def(&o.MaxHeader, 8<<10)
	def(&o.MaxMessage, 64<<10)
	def(&o.MaxFragments, 1024)
	def(&o.SendBuffer, 256<<10)
	return o
}
