package main

import (
	"context"
	"errors"
	"sync"

	"github.com/cloudwego/netpoll"
	"github.com/gobwas/ws"
)

// netpollPeer serves with github.com/cloudwego/netpoll's Connection and
// github.com/gobwas/ws: frames are read from the connection's buffer without a
// copy and written into its output buffer, with one Flush for all that waits.
// The large buffers are its smallest setting: netpoll takes such nodes from the
// system as they are touched, where its default of 4 and 8 KB costs four times
// the memory for an idle connection.
type netpollPeer struct {
	members members[*netpollConn]
}

// netpollConn is what netpoll keeps as the connection's context.
type netpollConn struct {
	context.Context
	conn netpoll.Connection
	mu   sync.Mutex // netpoll wants writers one at a time
}

const netpollBuffer = 16 << 10

func newNetpoll() peer { return &netpollPeer{} }

func (p *netpollPeer) Serve(ctx context.Context, addr string) error {
	netpoll.LinkBufferCap = netpollBuffer
	if err := netpoll.Configure(netpoll.Config{PollerNum: 1, BufferSize: netpollBuffer}); err != nil {
		return err
	}
	l, err := netpoll.CreateListener("tcp", addr)
	if err != nil {
		return err
	}
	loop, err := netpoll.NewEventLoop(p.request, netpoll.WithOnPrepare(func(conn netpoll.Connection) context.Context {
		c := &netpollConn{Context: context.Background(), conn: conn}
		_ = conn.AddCloseCallback(func(netpoll.Connection) error { p.members.remove(c); return nil })
		return c
	}))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel() // without waiting for connections: the process ends anyway
		_ = loop.Shutdown(ended)
	})()
	return loop.Serve(l)
}

// request is called while there is something to read, on one goroutine at a time
// for each connection.
func (p *netpollPeer) request(ctx context.Context, conn netpoll.Connection) error {
	c, ok := ctx.(*netpollConn)
	if !ok {
		return errors.New("a connection that was not prepared")
	}
	first, err := conn.Reader().Peek(1)
	if err != nil {
		return err
	}
	if first[0] == 'G' { // no frame begins like that: two reserved bits are set in it
		if _, err := (ws.Upgrader{}).Upgrade(conn); err != nil {
			_ = conn.Close()
			return err
		}
		p.members.add(c)
		return nil
	}
	if err := c.echo(); err != nil {
		_ = conn.Close()
		return err
	}
	return nil
}

// echo answers one frame.
func (c *netpollConn) echo() error {
	r := c.conn.Reader()
	h, err := ws.ReadHeader(c.conn) // from netpoll's buffer; it waits there for what is missing
	if err != nil {
		return err
	}
	if h.Length > maxFrame {
		return errFrame
	}
	payload, err := r.Next(int(h.Length))
	if err != nil {
		return err
	}
	ws.Cipher(payload, h.Mask, 0)
	end := h.OpCode == ws.OpClose
	switch h.OpCode {
	case ws.OpPing:
		h.OpCode = ws.OpPong
	case ws.OpPong:
		return r.Release()
	}
	h.Masked, h.Mask = false, [4]byte{}
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.conn.Writer()
	head, err := w.Malloc(ws.HeaderSize(h) + len(payload))
	if err != nil {
		return err
	}
	first := byte(h.OpCode)
	if h.Fin {
		first |= fin
	}
	appendFrame(head[:0], first, payload)
	if err := r.Release(); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if end {
		return c.conn.Close()
	}
	return nil
}

func (p *netpollPeer) Broadcast(payloads [][]byte) {
	b := joined(payloads)
	p.members.each(func(c *netpollConn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		w := c.conn.Writer()
		if _, err := w.WriteBinary(b); err == nil {
			_ = w.Flush() // a dead connection comes to its close callback
		}
	})
}
