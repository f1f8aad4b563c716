package main

import (
	"context"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
)

// centrifugePeer is a product, not a library of frames: the engine of
// Centrifugo, github.com/centrifugal/centrifuge. A client logs in, is put into
// one channel by the server and hears of what is published there; its requests
// are RPCs. It speaks Centrifugo's JSON protocol, so the load client does too.
type centrifugePeer struct{ node *centrifuge.Node }

// everyone is the channel that all clients are in.
const everyone = "all"

func newCentrifuge() peer {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelNone})
	if err != nil {
		panic(err) // the configuration is a constant
	}
	node.OnConnecting(func(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{UserID: e.Token}, // taken at its word, as pushd does in open mode
			Subscriptions: map[string]centrifuge.SubscribeOptions{everyone: {}},
		}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnRPC(func(e centrifuge.RPCEvent, reply centrifuge.RPCCallback) {
			reply(centrifuge.RPCReply{Data: e.Data}, nil)
		})
	})
	return &centrifugePeer{node}
}

func (p *centrifugePeer) Serve(ctx context.Context, addr string) error {
	if err := p.node.Run(); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = p.node.Shutdown(ctx) // the process ends anyway
	}()
	h := centrifuge.NewWebsocketHandler(p.node, centrifuge.WebsocketConfig{
		CheckOrigin: func(*http.Request) bool { return true }, UseWriteBufferPool: true,
	})
	return serveHTTP(ctx, addr, h.ServeHTTP)
}

// Broadcast publishes payloads, which are JSON here.
func (p *centrifugePeer) Broadcast(payloads [][]byte) {
	for _, payload := range payloads {
		_, _ = p.node.Publish(everyone, payload) // what isn't delivered, the load client counts
	}
}
