package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/antlabs/greatws"
)

// greatwsPeer serves with github.com/antlabs/greatws: one event loop, callbacks
// on it (its fastest setting for work this small). It has neither prepared
// frames nor a way to join several: a broadcast is a WriteMessage for each.
type greatwsPeer struct {
	upgrader *greatws.UpgradeServer
	loops    *greatws.MultiEventLoop
	members  members[*greatws.Conn]
}

func newGreatws() peer {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // it logs each reset connection there
	p := &greatwsPeer{loops: greatws.NewMultiEventLoopMust(
		greatws.WithEventLoops(1), greatws.WithMaxEventNum(512), greatws.WithLogLevel(slog.LevelError))}
	p.upgrader = greatws.NewUpgrade(greatws.WithServerReplyPing(), greatws.WithServerIgnorePong(),
		greatws.WithServerCallback(greatwsCallback{p}), greatws.WithServerCallbackInEventLoop(),
		greatws.WithServerMultiEventLoop(p.loops))
	return p
}

func (p *greatwsPeer) Serve(ctx context.Context, addr string) error {
	p.loops.Start()
	return serveHTTP(ctx, addr, func(w http.ResponseWriter, r *http.Request) {
		_, _ = p.upgrader.Upgrade(w, r) // a handshake that fails is the client's to see
	})
}

type greatwsCallback struct{ p *greatwsPeer }

func (b greatwsCallback) OnOpen(c *greatws.Conn)           { b.p.members.add(c) }
func (b greatwsCallback) OnClose(c *greatws.Conn, _ error) { b.p.members.remove(c) }

func (b greatwsCallback) OnMessage(c *greatws.Conn, op greatws.Opcode, payload []byte) {
	_ = c.WriteMessage(op, payload) // a dead connection comes to OnClose
}

func (p *greatwsPeer) Broadcast(payloads [][]byte) {
	p.members.each(func(c *greatws.Conn) {
		for _, payload := range payloads {
			_ = c.WriteMessage(greatws.Text, payload)
		}
	})
}
