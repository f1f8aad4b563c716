package main

import (
	"context"
	"net/http"
	"time"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

// nbioPeer serves with github.com/lesismal/nbio: non-blocking mode on one
// poller, handlers on the poller instead of a pool (its fastest setting for
// work this small), payloads given back to its pool, no keep-alive timers. A
// broadcast writes frames that were built once below its WebSocket layer, which
// would build them anew for each connection.
type nbioPeer struct {
	upgrader *websocket.Upgrader
	members  members[*websocket.Conn]
}

func newNbio() peer {
	logging.SetLevel(logging.LevelNone)
	p := &nbioPeer{upgrader: websocket.NewUpgrader()}
	p.upgrader.KeepaliveTime = 0
	p.upgrader.CheckOrigin = func(*http.Request) bool { return true }
	p.upgrader.OnOpen(p.members.add)
	p.upgrader.OnClose(func(c *websocket.Conn, _ error) { p.members.remove(c) })
	p.upgrader.OnMessage(func(c *websocket.Conn, kind websocket.MessageType, b []byte) {
		_ = c.WriteMessage(kind, b) // a dead connection comes to OnClose
	})
	return p
}

func (p *nbioPeer) Serve(ctx context.Context, addr string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		_, _ = p.upgrader.Upgrade(w, r, nil) // it answers the request itself when it fails
	})
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network: "tcp", Addrs: []string{addr}, Handler: mux,
		IOMod: nbhttp.IOModNonBlocking, NPoller: 1, NListener: 1,
		ServerExecutor:          func(f func()) { f() },
		ReleaseWebsocketPayload: true,
	})
	if err := engine.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return engine.Shutdown(ctx)
}

func (p *nbioPeer) Broadcast(payloads [][]byte) {
	b := joined(payloads)
	p.members.each(func(c *websocket.Conn) {
		_, _ = c.Conn.Write(b) // as in OnMessage
	})
}
