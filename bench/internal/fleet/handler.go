package fleet

import (
	"bytes"
	"math/rand/v2"
	"time"

	"pushd/bench/internal/loop"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/wire"
)

// handler is the Fleet as its loop sees it.
type handler Fleet

func (h *handler) Opened(c *loop.Conn) {
	f := (*Fleet)(h)
	f.counts.opened.Add(1)
	if f.leaving {
		c.Leave()
		return
	}
	if f.opts.Bare {
		f.welcome(c)
		return
	}
	f.members[c.ID()].phase = greeting
	c.SetTimer(loginTimeout)
	login := f.opts.Identity.Login
	if f.opts.Centrifugo {
		login = func(i int) ([]byte, error) { return protocol.CentrifugoConnect(f.opts.Identity.User(i)) }
	}
	frame, err := login(c.ID())
	f.send(c, frame, err)
}

func (h *handler) Message(c *loop.Conn, m wire.Message) {
	f := (*Fleet)(h)
	switch {
	case m.Opcode == wire.Pong:
		f.answered(c)
		return
	case f.opts.Bare:
		if f.hooks.Message != nil {
			f.hooks.Message(c, m.Payload, nil)
		}
		return
	case f.opts.Centrifugo:
		for line := range bytes.SplitSeq(m.Payload, []byte("\n")) {
			f.centrifugo(c, line)
		}
		return
	}
	e := &f.envelope
	if err := protocol.Scan(m.Payload, e); err != nil {
		f.cause("server sent no envelope: %.80q", m.Payload)
		return
	}
	switch {
	case e.Is("robot", "HeartBeat"):
		f.answered(c)
	case e.Is("robot", "Login"):
		f.greeted(c, e)
	case e.Is("robot", "Error"):
		f.cause("robot.Error %d: %s", e.Code, e.Text())
	case f.hooks.Message != nil:
		f.hooks.Message(c, m.Payload, e)
	}
}

// centrifugo takes one object of Centrifugo's protocol.
func (f *Fleet) centrifugo(c *loop.Conn, object []byte) {
	switch {
	case len(object) == 0:
	case string(object) == "{}":
		f.counts.beats.Add(1)
		c.Write(f.pong)
	case f.members[c.ID()].phase == greeting && bytes.Contains(object, []byte(`"connect":`)):
		f.welcome(c)
	case bytes.Contains(object, []byte(`"error":`)):
		f.cause("refused: %.200s", object)
	case f.hooks.Message != nil:
		f.hooks.Message(c, object, nil)
	}
}

func (f *Fleet) greeted(c *loop.Conn, e *protocol.Envelope) {
	if f.members[c.ID()].phase != greeting {
		f.cause("login answered twice")
		return
	}
	if !e.HasCode || e.Code != 0 {
		f.cause("login refused, %d: %s", e.Code, e.Text())
		c.Leave()
		return
	}
	f.welcome(c)
}

// welcome makes a client ready.
func (f *Fleet) welcome(c *loop.Conn) {
	m := &f.members[c.ID()]
	m.phase, m.beats, m.leaveAt = ready, 0, 0
	f.counts.ready.Add(1)
	f.counts.readyNow.Add(1)
	f.logins.Record(f.loop.Now() - c.Dialled())
	if s := f.opts.Stay; s > 0 {
		m.leaveAt = f.loop.Now() + s/2 + time.Duration(rand.Int64N(int64(s)))
	}
	if h := f.opts.Heartbeat; h > 0 {
		// The first one is anywhere in the interval, so that they start out spread.
		f.setTimer(c, m, time.Duration(rand.Int64N(int64(h)))+1)
	} else {
		f.setTimer(c, m, 0)
	}
	if f.hooks.Ready != nil {
		f.hooks.Ready(c)
	}
}

// setTimer sets the timer for the next heartbeat, 0 for none, or for leaving if that is sooner.
func (f *Fleet) setTimer(c *loop.Conn, m *member, beat time.Duration) {
	if m.leaveAt > 0 {
		if stay := max(m.leaveAt-f.loop.Now(), 1); beat == 0 || stay < beat {
			beat = stay
		}
	}
	if beat > 0 {
		c.SetTimer(beat)
		return
	}
	c.StopTimer()
}

func (h *handler) Timer(c *loop.Conn) {
	f := (*Fleet)(h)
	m := &f.members[c.ID()]
	switch {
	case m.phase == greeting:
		f.cause("login not answered in %v", loginTimeout)
		c.Leave()
	case m.leaveAt > 0 && f.loop.Now() >= m.leaveAt:
		c.Leave()
	default:
		if m.beats < 255 {
			m.beats++
			f.counts.beatsPending.Add(1)
		}
		f.counts.beats.Add(1)
		c.Write(f.heartbeat)
		f.setTimer(c, m, jittered(f.opts.Heartbeat))
	}
}

func (f *Fleet) answered(c *loop.Conn) {
	if m := &f.members[c.ID()]; m.beats > 0 {
		m.beats--
		f.counts.beatsPending.Add(-1)
	}
}

func (h *handler) Closed(c *loop.Conn, why loop.Cause) {
	f := (*Fleet)(h)
	m := &f.members[c.ID()]
	was := m.phase
	m.phase = away
	switch {
	case was == ready && why.Kind == loop.Left:
		f.counts.left.Add(1)
		f.counts.beatsPending.Add(-int64(m.beats)) // who leaves doesn't wait for an answer
	case was == ready:
		f.counts.lost.Add(1)
		f.cause("lost: %s", why)
	case !f.leaving && f.opts.Retry:
		f.counts.retries.Add(1)
		f.loop.Dial(c.ID())
	case !f.leaving:
		f.counts.failed.Add(1)
		if why.Kind != loop.Left { // if we left before login, the reason was counted then
			f.cause("not connected: %s", why)
		}
	}
	if was == ready {
		f.counts.readyNow.Add(-1)
		if f.hooks.Gone != nil {
			f.hooks.Gone(c)
		}
	}
	if f.opts.Stay > 0 && !f.leaving {
		f.counts.dialled.Add(1)
		f.loop.Dial(c.ID())
	}
}
