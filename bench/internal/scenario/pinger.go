package scenario

import (
	"context"
	"fmt"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// pinger sends numbered requests, robot.Ping or bare payloads, and checks that
// each comes back once and in order. It belongs to the loop; begin and the like
// are called through Fleet.Do.
type pinger struct {
	fleet      *fleet.Fleet // set right after fleet.New, before anything is dialled
	bare       bool
	centrifugo bool
	timeout    time.Duration // for the last answers
	frame      *protocol.Numbered
	sent       []uint32 // by client
	got        []uint32

	// intended is when client id's request n was meant to be sent.
	intended func(id int, n uint32) time.Duration
	// next, when not nil, is called when client c has its answer.
	next func(c *loop.Conn)

	latency   *report.Latency
	measuring bool
	received  int64 // while measuring
	misplaced int64
	refused   int64
	total     int64 // sent
	answers   int64
	lostWith  int64 // were under way on a connection that was lost
}

func newPinger(n, payload int, cfg *Config, timeout time.Duration) (*pinger, error) {
	if timeout <= 0 {
		return nil, fmt.Errorf("a timeout of %v: must be positive", timeout)
	}
	p := &pinger{bare: cfg.Bare, centrifugo: cfg.Centrifugo, timeout: timeout, sent: make([]uint32, n), got: make([]uint32, n), latency: report.NewLatency()}
	size := 0
	if p.bare {
		size = payload
	}
	var err error
	p.frame, err = p.request(size)
	return p, err
}

// request is the server's kind of request with size bytes of payload.
func (p *pinger) request(size int) (*protocol.Numbered, error) {
	switch {
	case p.bare:
		return protocol.NewEcho(size)
	case p.centrifugo:
		return protocol.NewCentrifugoRPC(size), nil
	}
	return protocol.NewPing(size), nil
}

// resize makes the next requests carry size bytes. None may be under way.
func (p *pinger) resize(size int) error {
	frame, err := p.request(size)
	if err != nil {
		return err
	}
	return p.fleet.Do(func() { p.frame = frame })
}

func (p *pinger) send(c *loop.Conn) {
	id := c.ID()
	c.Write(p.frame.With(p.sent[id]))
	p.sent[id]++
	p.total++
}

// message takes an answer; it is the fleet's Message hook.
func (p *pinger) message(c *loop.Conn, payload []byte, e *protocol.Envelope) {
	id := c.ID()
	n := p.got[id]
	switch {
	case p.bare && !p.frame.Is(payload, n):
		p.misplaced++
		return
	case p.bare:
	case p.centrifugo:
		answer, ok := protocol.Number(payload, `"id"`)
		if !ok {
			return // a publication
		}
		if answer != int64(protocol.FirstSeq+n) {
			p.misplaced++
			return
		}
	case !e.Is("robot", "Ping"):
		return // a push meant for everyone is none of ours
	case e.Code != 0:
		p.refused++
	case !e.HasSeq || e.Seq != protocol.FirstSeq+n:
		p.misplaced++
		return
	}
	p.got[id]++
	p.answers++
	if p.measuring {
		p.received++
		if p.intended != nil {
			now := p.fleet.Loop().Now()
			p.latency.RecordAt(now, now-p.intended(id, n))
		}
	}
	if p.next != nil {
		p.next(c)
	}
}

// gone settles a client that left or was lost, so that it can come again.
func (p *pinger) gone(c *loop.Conn) {
	id := c.ID()
	p.lostWith += int64(p.sent[id] - p.got[id])
	p.got[id] = p.sent[id]
}

// await waits for the answers that may still come and returns how many requests
// have none: call it while the clients are still there.
func (p *pinger) await(ctx context.Context) (lost int64) {
	deadline := time.Now().Add(p.timeout)
	ctx = context.WithoutCancel(ctx) // after an interruption too, what is under way is no loss
	for {
		var coming int64
		err := p.fleet.Do(func() { lost = p.total - p.answers; coming = lost - p.lostWith })
		if err != nil || coming == 0 || time.Now().After(deadline) || pause.For(ctx, 10*time.Millisecond) != nil {
			return lost
		}
	}
}

// report fills in the counts; lost is what answers returned.
func (p *pinger) report(r *report.Result, lost int64) {
	r.Messages = &report.Messages{Sent: p.total, Expected: p.total, Received: p.answers, Lost: lost, Misplaced: p.misplaced}
	r.Problems.Add(lost, "messages not answered")
	r.Problems.Add(p.misplaced, "answers out of order or altered")
	r.Problems.Add(p.refused, "Ping answered with an error")
}
