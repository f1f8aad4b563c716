package main

import (
	"context"

	"github.com/panjf2000/gnet/v2"
)

// gnetPeer serves with github.com/panjf2000/gnet, which knows no WebSocket: the
// frames are this program's own, read from gnet's buffer without a copy and
// answered with one Write for all that came at once. A broadcast is one task on
// the event loop, which writes there without gnet's queue of asynchronous writes.
type gnetPeer struct {
	gnet.BuiltinEventEngine
	loops chan gnet.EventLoop // holds the one loop once it is known

	// Owned by the loop.
	known   bool
	members map[gnet.Conn]struct{} // past the opening handshake
	out     []byte
}

func newGnet() peer {
	return &gnetPeer{loops: make(chan gnet.EventLoop, 1), members: map[gnet.Conn]struct{}{}}
}

func (p *gnetPeer) Serve(ctx context.Context, addr string) error {
	// With SO_REUSEPORT one loop accepts and serves; without it gnet adds a second for accepting.
	return gnet.Run(&gnetEvents{gnetPeer: p, ctx: ctx}, "tcp://"+addr,
		gnet.WithNumEventLoop(1), gnet.WithReusePort(true), gnet.WithTCPNoDelay(gnet.TCPNoDelay), gnet.WithLogger(silentGnet{}))
}

// gnetEvents are the calls that gnet makes, all on the one loop but OnBoot.
type gnetEvents struct {
	*gnetPeer
	ctx context.Context
}

func (e *gnetEvents) OnBoot(engine gnet.Engine) gnet.Action {
	context.AfterFunc(e.ctx, func() { _ = engine.Stop(context.Background()) })
	return gnet.None
}

func (e *gnetEvents) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if !e.known {
		e.known = true
		e.loops <- c.EventLoop()
	}
	return nil, gnet.None
}

func (e *gnetEvents) OnClose(c gnet.Conn, _ error) gnet.Action {
	delete(e.members, c)
	return gnet.None
}

func (e *gnetEvents) OnTraffic(c gnet.Conn) gnet.Action {
	b, err := c.Peek(-1)
	if err != nil {
		return gnet.Close
	}
	e.out = e.out[:0]
	used, end := 0, false
	if c.Context() == nil {
		if e.out, used, err = upgrade(e.out, b); used > 0 {
			c.SetContext(true)
			e.members[c] = struct{}{}
		}
	}
	if c.Context() != nil {
		var n int
		e.out, n, end, err = echo(e.out, b[used:])
		used += n
	}
	if used > 0 { // Discard(0) drops everything
		if _, err := c.Discard(used); err != nil {
			return gnet.Close
		}
	}
	if len(e.out) > 0 {
		if _, err := c.Write(e.out); err != nil {
			return gnet.Close
		}
	}
	if end || err != nil {
		return gnet.Close
	}
	return gnet.None
}

func (p *gnetPeer) Broadcast(payloads [][]byte) {
	b := joined(payloads)
	loop := <-p.loops
	p.loops <- loop
	done := make(chan struct{})
	err := loop.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		defer close(done)
		for c := range p.members {
			_, _ = c.Write(b) // a dead connection comes to OnClose
		}
		return nil
	}))
	if err == nil {
		<-done
	}
}

// silentGnet drops the library's log: a connection that is reset is no news here.
type silentGnet struct{}

func (silentGnet) Debugf(string, ...any) {}
func (silentGnet) Infof(string, ...any)  {}
func (silentGnet) Warnf(string, ...any)  {}
func (silentGnet) Errorf(string, ...any) {}
func (silentGnet) Fatalf(string, ...any) {}
