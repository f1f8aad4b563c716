package api

import (
	"net"
	"sync"
)

// Handoff is a net.Listener that is given connections instead of accepting
// them: the event loops push what turned out not to be a WebSocket.
type Handoff struct {
	// Immutable.
	addr  net.Addr
	queue chan net.Conn
	done  chan struct{}

	mu     sync.RWMutex
	closed bool // guarded by mu
}

// NewHandoff makes a listener that says it is at addr and lets at most queue
// connections wait.
func NewHandoff(addr net.Addr, queue int) *Handoff {
	return &Handoff{addr: addr, queue: make(chan net.Conn, queue), done: make(chan struct{})}
}

// Push hands c over. It never blocks; when it reports false, the queue is full
// or closed, and c is still the caller's to close.
func (h *Handoff) Push(c net.Conn) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.closed {
		return false
	}
	select {
	case h.queue <- c:
		return true
	default:
		return false
	}
}

// Accept returns the next connection, or net.ErrClosed.
func (h *Handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.queue:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close stops Accept and closes what waits.
func (h *Handoff) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return net.ErrClosed
	}
	h.closed = true
	close(h.done)
	for {
		select {
		case c := <-h.queue:
			_ = c.Close() // nobody ever used it
		default:
			return nil
		}
	}
}

// Addr is the address given to NewHandoff.
func (h *Handoff) Addr() net.Addr { return h.addr }
