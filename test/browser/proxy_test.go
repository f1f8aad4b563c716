package browser

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy passes bytes between clients and a server, and can do what networks do:
// break all connections at once, or lose everything without a word.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup
	frozen   atomic.Bool // what comes is lost

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.running.Go(func() { p.pass(client, server) })
		p.running.Go(func() { p.pass(server, client) })
	}
}

func (p *proxy) pass(from, to net.Conn) {
	_, _ = io.Copy(lossy{to, &p.frozen}, from) // either end is the end of both
	from.Close()
	to.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, from)
	delete(p.conns, to)
}

// cut breaks every connection, without the Close frame that an end in good
// order has.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

type lossy struct {
	net.Conn
	frozen *atomic.Bool
}

func (l lossy) Write(data []byte) (int, error) {
	if l.frozen.Load() {
		return len(data), nil
	}
	return l.Conn.Write(data)
}

// ReadFrom hides the one of net.Conn, which would pass Write by.
func (l lossy) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{l}, r)
}
