package poller

import (
	"syscall"

	"github.com/cloudwego/netpoll"
	"github.com/gobwas/ws"
)

const (
	// wbufSize is how much one connection's answers gather before they are
	// written; it is one buffer for each loop.
	wbufSize = 32 << 10
	// maxIov is how many queued chunks leave in one system call.
	maxIov = 64
	// chunkOverhead is charged to the send buffer for each queued chunk, so that
	// many tiny frames can't hold more memory than the bound says.
	chunkOverhead = 64
	// keepOut is the longest queue array that goes back to the free list.
	keepOut = 64
)

// chunk is a piece of output that waits: either a frame shared with other
// connections, which nobody changes, or a private copy.
type chunk struct {
	data []byte
	at   uint32 // tick it was queued
}

// outbuf is the output of one connection that the kernel has not taken.
type outbuf struct {
	queue []chunk
	head  int  // first chunk not completely written
	sent  int  // bytes of that chunk already written
	begun bool // that chunk is itself the rest of something partly written
	size  int  // bytes that wait, with overhead
}

func (o *outbuf) oldest() uint32 { return o.queue[o.head].at }

// keepPartial throws away all but a chunk that is partly on the wire, after
// which a whole frame can follow.
func (o *outbuf) keepPartial() {
	if o.sent == 0 && !o.begun {
		clear(o.queue)
		o.queue, o.head, o.size = o.queue[:0], 0, 0
		return
	}
	first := o.queue[o.head]
	clear(o.queue)
	o.queue, o.head = append(o.queue[:0], first), 0
	o.size = len(first.data) - o.sent + chunkOverhead
}

func (l *Loop) putOut(o *outbuf) {
	clear(o.queue)
	if cap(o.queue) > keepOut {
		o.queue = nil
	}
	o.queue, o.head, o.sent, o.begun, o.size = o.queue[:0], 0, 0, false, 0
	l.freeOut.put(o)
}

// Write sends complete frames, one or several in one slice. The slice is kept by
// reference while the peer is slow and may be shared by any number of
// connections: nobody may change it. Over the send buffer's bound the peer
// counts as a slow consumer and is closed once the loop has finished what it is
// doing, so Write may be called while walking over connections.
func (c *Conn) Write(frames []byte) {
	if c.state != stateOpen || c.is(overrun) {
		return
	}
	n := countFrames(frames)
	c.msgsOut += n
	c.loop.stats.MessagesOut.Add(uint64(n))
	if c.loop.reading == c {
		if len(frames) <= wbufSize {
			c.writeRaw(frames)
			return
		}
		c.writeOut()
	}
	c.push(frames, true)
}

// WriteMessage sends a text message; payload is copied.
func (c *Conn) WriteMessage(payload []byte) {
	if c.state != stateOpen || c.is(overrun) {
		return
	}
	c.msgsOut++
	c.loop.stats.MessagesOut.Add(1)
	c.writeFrame(ws.OpText, payload)
}

// Ping sends a native ping frame.
func (c *Conn) Ping() {
	if c.state == stateOpen && c.out == nil {
		c.writeFrame(ws.OpPing, nil)
	}
}

func (c *Conn) writeFrame(op ws.OpCode, payload []byte) {
	l := c.loop
	if l.reading == c && len(l.wbuf)+len(payload)+maxFrameHeader <= wbufSize {
		l.wbuf = append(appendHeader(l.wbuf, op, len(payload)), payload...)
		return
	}
	frame := make([]byte, 0, len(payload)+maxFrameHeader)
	frame = append(appendHeader(frame, op, len(payload)), payload...)
	if l.reading == c {
		c.writeOut()
	}
	c.push(frame, true)
}

// writeRaw gathers raw bytes, at most wbufSize of them, while the connection's input
// is processed.
func (c *Conn) writeRaw(p []byte) {
	l := c.loop
	if len(l.wbuf)+len(p) > wbufSize {
		c.writeOut()
	}
	l.wbuf = append(l.wbuf, p...)
}

// writeOut sends what gathered while input was processed.
func (c *Conn) writeOut() {
	l := c.loop
	if len(l.wbuf) > 0 && c.state != stateClosed {
		c.push(l.wbuf, false)
	}
	l.wbuf = l.wbuf[:0]
}

// push writes p now if nothing waits before it, and queues what the kernel does
// not take. shared tells that p may be kept by reference.
func (c *Conn) push(p []byte, shared bool) {
	l := c.loop
	gather := l.batching && l.reading != c
	begun := false
	if c.out == nil && !gather {
		n, errno := rawWrite(c.op.FD, p)
		l.stats.Writes.Add(1)
		if errno != 0 {
			if errno != syscall.EAGAIN {
				return // the poll reports the broken socket next
			}
			n = 0
		}
		l.stats.BytesOut.Add(uint64(n))
		c.bytesOut += uint64(n)
		if n == len(p) {
			return
		}
		p, begun = p[n:], n > 0
	}
	if c.out == nil {
		c.out = l.freeOut.get()
		c.out.begun = begun
	}
	o := c.out
	// One frame may wait whatever its size: it may be partly on the wire already.
	if c.state == stateOpen && len(o.queue) > 0 && o.size+len(p) > l.server.opts.SendBuffer {
		c.set(overrun)
		l.overruns = append(l.overruns, c)
		return
	}
	if !shared {
		p = append([]byte(nil), p...)
	}
	o.queue = append(o.queue, chunk{p, l.Now()})
	o.size += len(p) + chunkOverhead
	switch {
	case gather && !c.is(writing):
		if !c.is(dirty) {
			c.set(dirty)
			l.dirty = append(l.dirty, c)
		}
	case !c.is(writing):
		c.watchWrites()
	}
}

// watchWrites asks the poll to tell when the socket takes more.
func (c *Conn) watchWrites() {
	if !c.is(watched) {
		return // watch looks at the output
	}
	if c.state == stateOpen {
		c.rearm()
	}
	c.set(writing)
	c.op.OnWrite = c.onWrite
	_ = c.loop.poll.Control(&c.op, netpoll.PollR2RW)
}

func (c *Conn) onWrite(netpoll.Poll) error {
	defer c.loop.guard(c)
	c.flush()
	return nil
}

// flush writes what waits, in as few system calls as it takes.
func (c *Conn) flush() {
	l, o := c.loop, c.out
	if o == nil {
		return // everything is written, or thrown away because the connection is closed
	}
	for o.head < len(o.queue) {
		l.iov = l.iov[:0]
		total := 0
		for i := o.head; i < len(o.queue) && len(l.iov) < maxIov; i++ {
			data := o.queue[i].data
			if i == o.head {
				data = data[o.sent:]
			}
			l.iov = append(l.iov, syscall.Iovec{Base: &data[0], Len: uint64(len(data))})
			total += len(data)
		}
		n, errno := rawWritev(c.op.FD, l.iov)
		clear(l.iov)
		l.stats.Writes.Add(1)
		if errno != 0 {
			if errno == syscall.EAGAIN {
				if !c.is(writing) {
					c.watchWrites()
				}
				return
			}
			break // the socket is broken, and the poll reports it if it still has it
		}
		l.stats.BytesOut.Add(uint64(n))
		c.bytesOut += uint64(n)
		o.advance(n)
		if n < total {
			if !c.is(writing) {
				c.watchWrites()
			}
			return
		}
	}
	c.written()
	if c.state == stateClosing {
		c.finish()
	}
}

// written is called when no output waits any more.
func (c *Conn) written() {
	c.loop.putOut(c.out)
	c.out = nil
	if c.is(writing) {
		c.unset(writing)
		c.op.OnWrite = nil
		_ = c.loop.poll.Control(&c.op, netpoll.PollRW2R)
	}
}

// advance takes n written bytes off the queue.
func (o *outbuf) advance(n int) {
	for n > 0 {
		left := len(o.queue[o.head].data) - o.sent
		if n < left {
			o.sent += n
			o.size -= n
			return
		}
		n -= left
		o.size -= left + chunkOverhead
		o.queue[o.head] = chunk{}
		o.head++
		o.sent, o.begun = 0, false
	}
	// A queue that never runs empty must not grow at its end for ever.
	if o.head > 256 && o.head*2 > len(o.queue) {
		rest := copy(o.queue, o.queue[o.head:])
		clear(o.queue[rest:])
		o.queue, o.head = o.queue[:rest], 0
	}
}

// flushOverruns closes those that went over their send buffer. It runs when no
// handler or walk is under way.
func (l *Loop) flushOverruns() {
	for n := len(l.overruns); n > 0; n = len(l.overruns) {
		c := l.overruns[n-1]
		l.overruns[n-1] = nil
		l.overruns = l.overruns[:n-1]
		c.guarded((*Conn).closeSlow)
	}
}

// guarded runs f for a connection outside its own callback; a panic ends that
// connection only.
func (c *Conn) guarded(f func(*Conn)) {
	defer c.loop.guard(c)
	f(c)
}

// closeSlow closes a peer that does not read.
func (c *Conn) closeSlow() {
	if c.state != stateOpen {
		return
	}
	if c.out != nil {
		c.out.keepPartial()
		if len(c.out.queue) == 0 {
			c.written()
		}
	}
	c.Close(CodeSlowConsumer, "too slow: messages were not read in time", SlowConsumer)
}

// countFrames counts the unmasked frames in a slice of whole ones.
func countFrames(p []byte) (n uint32) {
	for len(p) >= 2 {
		size := 2 + int(p[1])
		switch p[1] {
		case 126:
			size = 4 + int(p[2])<<8 + int(p[3])
		case 127:
			size = 10 + int(p[6])<<24 + int(p[7])<<16 + int(p[8])<<8 + int(p[9])
		}
		n++
		if size >= len(p) {
			break
		}
		p = p[size:]
	}
	return n
}
