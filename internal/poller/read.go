package poller

import (
	"syscall"

	"github.com/cloudwego/netpoll"
	"github.com/gobwas/ws"
)

// keepIn is the largest buffer that an inbuf keeps in the free list.
const keepIn = 16 << 10

// inbuf holds input that can't be acted on yet. It is taken from the loop's free
// list when a frame or message is incomplete and goes back when it is whole.
type inbuf struct {
	frame     []byte // an incomplete opening handshake or frame
	message   []byte // unmasked payload of a fragmented message so far
	held      []byte // bytes that came while the handler had paused
	valid     int    // how much of message is checked UTF-8
	fragments int    // frames of the message so far; 0 when none has begun
}

func (l *Loop) putIn(b *inbuf) {
	if cap(b.frame) > keepIn {
		b.frame = nil
	}
	if cap(b.message) > keepIn {
		b.message = nil
	}
	b.frame, b.message, b.held, b.valid, b.fragments = b.frame[:0], b.message[:0], nil, 0, 0
	l.freeIn.put(b)
}

// onRead is called by the poll when the socket is readable.
func (c *Conn) onRead(netpoll.Poll) error {
	if c.state == stateClosed {
		return nil
	}
	c.readSocket()
	return nil
}

// readSocket reads what the socket has, a bounded amount in one turn. A short read
// means that it is empty, which saves the read that would say so; a hung-up
// socket isn't watched any more and is read to its end.
func (c *Conn) readSocket() {
	l := c.loop
	defer l.guard(c)
	for turn := 0; ; turn++ {
		if c.is(paused) {
			c.unwatch()
			return
		}
		n, errno := rawRecv(c.op.FD, l.rbuf)
		l.stats.Reads.Add(1)
		switch {
		case errno == syscall.EAGAIN && !c.is(hungUp):
			return
		case errno == syscall.EINTR:
			continue
		case errno != 0 || n == 0:
			c.release(PeerGone)
			return
		}
		l.stats.BytesIn.Add(uint64(n))
		c.bytesIn += uint64(n)
		c.process(l.rbuf[:n])
		if c.state == stateClosed || !c.is(hungUp) && (n < len(l.rbuf) || turn >= readsPerTurn) {
			return
		}
	}
}

// process acts on bytes from the socket; what the handler writes meanwhile
// leaves in one system call at the end.
func (c *Conn) process(data []byte) {
	l := c.loop
	l.reading = c
	if c.state == stateHandshake {
		data = c.feedHandshake(data)
	}
	if c.state == stateOpen {
		c.feed(data)
	}
	c.writeOut()
	l.reading = nil
	if c.state == stateClosing && c.out == nil {
		c.finish()
	}
	l.flushOverruns()
}

// feed cuts frames from data and from what was left over before.
func (c *Conn) feed(data []byte) {
	l := c.loop
	for len(data) > 0 && c.state == stateOpen {
		if c.is(paused) {
			c.hold(data)
			return
		}
		var f *fault
		if c.in != nil && len(c.in.frame) > 0 {
			data, f = c.feedPartial(data)
		} else {
			data, f = c.feedWhole(data)
		}
		if f != nil {
			c.Close(f.code, f.text, f.reason)
			return
		}
	}
	if c.in != nil && len(c.in.frame) == 0 && c.in.fragments == 0 && c.in.held == nil {
		l.putIn(c.in)
		c.in = nil
	}
}

// feedWhole takes one frame from the beginning of data without copying it. An
// incomplete one is put aside.
func (c *Conn) feedWhole(data []byte) (rest []byte, f *fault) {
	h, whole, f := c.nextHeader(data)
	if f != nil {
		return nil, f
	}
	if !whole || len(data) < h.header+h.payload {
		if c.in == nil {
			c.in = c.loop.freeIn.get()
		}
		c.in.frame = append(c.in.frame, data...)
		return nil, nil
	}
	end := h.header + h.payload
	return data[end:], c.handleFrame(h, data[h.header:end])
}

// feedPartial completes the frame that was put aside, taking no more of data
// than belongs to it.
func (c *Conn) feedPartial(data []byte) (rest []byte, f *fault) {
	in := c.in
	h, whole, _ := c.nextHeader(in.frame)
	for !whole {
		if len(data) == 0 {
			return nil, nil
		}
		// A header is at most 14 bytes: byte by byte is simple and rare.
		in.frame, data = append(in.frame, data[0]), data[1:]
		if h, whole, f = c.nextHeader(in.frame); f != nil {
			return nil, f
		}
	}
	missing := h.header + h.payload - len(in.frame)
	if missing > len(data) {
		in.frame = append(in.frame, data...)
		return nil, nil
	}
	in.frame = append(in.frame, data[:missing]...)
	payload := in.frame[h.header:]
	in.frame = in.frame[:0]
	return data[missing:], c.handleFrame(h, payload)
}

func (c *Conn) nextHeader(b []byte) (frameHeader, bool, *fault) {
	have, fragmented := 0, false
	if c.in != nil && c.in.fragments > 0 {
		have, fragmented = len(c.in.message), true
	}
	return parseHeader(b, fragmented, have, c.loop.server.opts.MaxMessage)
}

// handleFrame acts on one complete frame; payload is still masked and may be changed.
func (c *Conn) handleFrame(h frameHeader, payload []byte) *fault {
	ws.Cipher(payload, h.mask, 0)
	c.seen = c.loop.Now()
	switch h.opcode {
	case ws.OpPing:
		// Pongs to a peer that does not read would queue without end.
		if c.out == nil {
			c.writeFrame(ws.OpPong, payload)
		}
		return nil
	case ws.OpPong:
		return nil
	case ws.OpClose:
		code, f := closeStatus(payload)
		if f != nil {
			return f
		}
		c.closeWith(code, "", PeerClosed)
		return nil
	}
	if h.fin && h.opcode == ws.OpText {
		if !validText(payload) {
			return faultUTF8
		}
		c.handleMessage(payload)
		return nil
	}
	return c.handleFragment(h, payload)
}

// handleFragment adds one frame of a fragmented message.
func (c *Conn) handleFragment(h frameHeader, payload []byte) *fault {
	if c.in == nil {
		c.in = c.loop.freeIn.get()
	}
	in := c.in
	if in.fragments++; in.fragments > c.loop.server.opts.MaxFragments {
		return faultTooBig
	}
	in.message = append(in.message, payload...)
	n, ok := validPrefix(in.message[in.valid:])
	if in.valid += n; !ok {
		return faultUTF8
	}
	if !h.fin {
		return nil
	}
	if in.valid != len(in.message) {
		return faultUTF8
	}
	message := in.message
	in.message, in.fragments, in.valid = in.message[:0], 0, 0
	c.handleMessage(message)
	return nil
}

func (c *Conn) handleMessage(payload []byte) {
	c.msgsIn++
	c.loop.stats.MessagesIn.Add(1)
	c.handler.Message(c, payload)
}

// Pause stops Handler.Message until Resume: the handler is busy with one
// message elsewhere. Input that comes meanwhile stays in the kernel, beyond what
// was read together with that message.
func (c *Conn) Pause() { c.set(paused) }

// unwatch leaves the input of a paused connection in the kernel: real TCP
// back-pressure. A level-triggered poll would report it for ever, so the poll
// lets the socket go; not from inside the socket's own callback, since netpoll
// may have seen a hang-up in the same event and does the same then.
func (c *Conn) unwatch() {
	if c.is(unwanted) || !c.is(watched) {
		return
	}
	c.set(unwanted)
	c.loop.postAlways(func() bool {
		if c.is(unwanted) && c.is(watched) && c.state != stateClosed {
			c.unset(watched | writing)
			c.op.OnWrite = nil
			_ = c.loop.poll.Control(&c.op, netpoll.PollDetach)
		}
		return false
	})
}

// watch undoes unwatch.
func (c *Conn) watch() {
	c.unset(unwanted)
	if c.is(watched) || c.is(hungUp) {
		return
	}
	if err := c.loop.poll.Control(&c.op, netpoll.PollReadable); err != nil {
		c.release(PeerGone)
		return
	}
	c.set(watched)
	c.flush()
}

// Resume goes on after Pause. It must not be called from inside a callback of
// the same connection.
func (c *Conn) Resume() {
	if !c.is(paused) || c.state == stateClosed {
		return
	}
	c.unset(paused)
	if c.in != nil && c.in.held != nil {
		held := c.in.held
		c.in.held = nil
		c.process(held)
	}
	if c.state == stateClosed || c.is(paused) {
		return
	}
	if c.is(hungUp) {
		c.readSocket()
		return
	}
	c.watch()
}

// hold keeps bytes that were read together with the message that paused the
// connection: less than one read buffer, and none while it is paused.
func (c *Conn) hold(data []byte) {
	if c.in == nil {
		c.in = c.loop.freeIn.get()
	}
	c.in.held = append([]byte(nil), data...)
}
