package gateway

import (
	"log/slog"
	"time"

	"pushd/internal/codec"
	"pushd/internal/node"
	"pushd/internal/poller"
)

// Bounds of a connection's message rate, within which all figures fit the meter.
const (
	maxMessageRate  = 1_000
	maxMessageBurst = 50_000
)

// The meter's clock: the loop's, which is read for nothing, in finer units. It
// wraps after three days, so times are compared up to a day and a half apart.
const (
	unitsPerTick   = 1 << 12
	unitsPerSecond = unitsPerTick * poller.TicksPerSecond
)

// limit is what a connection may send, in the meter's units.
type limit struct {
	rate  int
	step  uint32 // what a message costs; 0 is no limit
	burst uint32 // how far the meter may be ahead of the clock
}

func newLimit(rate, burst int) (l limit) {
	if rate <= 0 {
		return l
	}
	l.rate = min(rate, maxMessageRate)
	// The clock stands still for a quarter of a second, so a smaller burst would
	// be a smaller rate.
	burst = max(min(burst, maxMessageBurst), l.rate/poller.TicksPerSecond+1)
	l.step = uint32(unitsPerSecond / l.rate)
	l.burst = l.step * uint32(burst)
	return l
}

// meter is a token bucket in four bytes: the time at which the bucket will be
// full again (the generic cell rate algorithm, ITU-T I.371). What is refused
// counts too, up to a second burst; beyond that the connection is to be closed.
type meter uint32

// begin sets a full bucket.
func (m *meter) begin(tick uint32) { *m = meter(tick * unitsPerTick) }

// settle keeps the meter of a connection that says nothing for days within
// reach of the clock. The session's timer calls it at least once a day.
func (m *meter) settle(tick uint32) {
	if m.ahead(tick) < 0 {
		m.begin(tick)
	}
}

// ahead is how far from full the bucket is.
func (m *meter) ahead(tick uint32) int32 { return int32(uint32(*m) - tick*unitsPerTick) }

// take counts a message and reports whether it is within the limit.
func (m *meter) take(tick uint32, l *limit) bool {
	m.settle(tick)
	*m += meter(l.step)
	return uint32(m.ahead(tick)) <= l.burst
}

// wait is how long it takes until the next message is within the limit; spent
// tells that too much was sent beyond it.
func (m *meter) wait(tick uint32, l *limit) (d time.Duration, spent bool) {
	over := uint32(m.ahead(tick)) + l.step - l.burst
	ticks := (over + unitsPerTick - 1) / unitsPerTick
	return time.Duration(ticks) * time.Second / poller.TicksPerSecond, over > l.burst
}

// limited answers a message that is over the rate, and hangs up on a client that
// goes on as if it had not been told.
func (s *Session) limited(payload []byte) {
	g := s.gateway
	wait, spent := s.rate.wait(s.Loop().Now(), &g.limit)
	if spent {
		g.log.Info("closed for sending too many messages", slog.String("user", s.User()), slog.Any("address", s.Address()))
		s.Close(node.CloseRateLimited, "too many messages, and more after being told", reasonRateLimited)
		return
	}
	r := &s.state().request
	_ = codec.Decode(payload, r) // whose reply it is, as far as that can be read
	e := codec.Errorf(codec.CodeTooMany, "too many messages: at most %d a second", g.limit.rate)
	e.RetryAfter = wait
	s.answer(r, "unknown", "unknown", nil, e)
}
