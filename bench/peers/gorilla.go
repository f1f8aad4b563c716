package main

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// gorilla serves with github.com/gorilla/websocket: a goroutine for each
// connection, buffers of its default size taken over from net/http (the
// library's fastest setting), write buffers from a pool, and a PreparedMessage
// for fan-out.
type gorilla struct {
	upgrader websocket.Upgrader
	members  members[*gorillaConn]
}

type gorillaConn struct {
	*websocket.Conn
	mu sync.Mutex // the library wants writers one at a time
}

func newGorilla() peer {
	return &gorilla{upgrader: websocket.Upgrader{
		WriteBufferPool: &sync.Pool{},
		CheckOrigin:     func(*http.Request) bool { return true },
	}}
}

func (g *gorilla) Serve(ctx context.Context, addr string) error {
	return serveHTTP(ctx, addr, g.upgrade)
}

func (g *gorilla) upgrade(w http.ResponseWriter, r *http.Request) {
	conn, err := g.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	// A goroutine of its own lets net/http's, with its large stack and its request, be freed.
	go g.serve(&gorillaConn{Conn: conn})
}

func (g *gorilla) serve(c *gorillaConn) {
	conn := c.Conn
	g.members.add(c)
	defer func() { _ = conn.Close() }()
	defer g.members.remove(c)
	// One buffer for the connection instead of ReadMessage's io.ReadAll for each message.
	buf := make([]byte, 0, 512)
	for {
		kind, reader, err := conn.NextReader()
		if err != nil {
			return
		}
		if buf, err = readInto(buf[:0], reader); err != nil {
			return
		}
		c.mu.Lock()
		err = conn.WriteMessage(kind, buf)
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (g *gorilla) Broadcast(payloads [][]byte) {
	prepared := make([]*websocket.PreparedMessage, len(payloads))
	for i, p := range payloads {
		var err error
		if prepared[i], err = websocket.NewPreparedMessage(websocket.TextMessage, p); err != nil {
			return
		}
	}
	g.members.each(func(c *gorillaConn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, p := range prepared {
			_ = c.WritePreparedMessage(p) // a dead connection ends in its own reader
		}
	})
}

// readInto reads all of r into buf, which it grows when needed.
func readInto(buf []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}
