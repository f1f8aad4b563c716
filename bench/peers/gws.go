package main

import (
	"context"
	"net/http"

	"github.com/lxzan/gws"
)

// gwsPeer serves with github.com/lxzan/gws: a goroutine for each connection in
// ReadLoop, messages handled in order on it (its fastest setting for echo),
// and a Broadcaster for fan-out.
type gwsPeer struct {
	gws.BuiltinEventHandler
	upgrader *gws.Upgrader
	members  members[*gws.Conn]
}

func newGWS() peer {
	p := &gwsPeer{}
	p.upgrader = gws.NewUpgrader(p, &gws.ServerOption{
		CheckUtf8Enabled: false, // its default
		Logger:           silent{},
	})
	return p
}

func (p *gwsPeer) Serve(ctx context.Context, addr string) error {
	return serveHTTP(ctx, addr, p.upgrade)
}

func (p *gwsPeer) upgrade(w http.ResponseWriter, r *http.Request) {
	conn, err := p.upgrader.Upgrade(w, r)
	if err != nil {
		return
	}
	// A goroutine of its own lets net/http's, with its large stack and its request, be freed.
	go conn.ReadLoop()
}

func (p *gwsPeer) OnOpen(c *gws.Conn)           { p.members.add(c) }
func (p *gwsPeer) OnClose(c *gws.Conn, _ error) { p.members.remove(c) }
func (p *gwsPeer) OnPing(c *gws.Conn, b []byte) { _ = c.WritePong(b) }

func (p *gwsPeer) OnMessage(c *gws.Conn, m *gws.Message) {
	defer func() { _ = m.Close() }()
	_ = c.WriteMessage(m.Opcode, m.Bytes()) // a dead connection ends in ReadLoop
}

func (p *gwsPeer) Broadcast(payloads [][]byte) {
	broadcasters := make([]*gws.Broadcaster, len(payloads))
	for i, payload := range payloads {
		broadcasters[i] = gws.NewBroadcaster(gws.OpcodeText, payload)
	}
	p.members.each(func(c *gws.Conn) {
		for _, b := range broadcasters {
			_ = b.Broadcast(c)
		}
	})
	for _, b := range broadcasters {
		_ = b.Close()
	}
}

// silent drops the library's log: a connection that is reset is no news here.
type silent struct{}

func (silent) Error(...any) {}
