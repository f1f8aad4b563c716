// Package process is what those who start servers for a measurement share.
package process

import (
	"bytes"
	"fmt"
	"net"
	"sync"
)

// FreePorts are loopback addresses nobody listens on at the moment. A client that
// connects from another source address can't take one of them before a server does.
func FreePorts(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // not before all are found, or the same one comes twice
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// Tail is a writer that keeps the end of what a process logs. The zero value is
// ready.
type Tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 4 << 10

// Write implements io.Writer.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

// String is what was kept, without the space around it.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}
