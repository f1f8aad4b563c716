package scenario

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/loop"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/protocol"
	"pushd/bench/internal/report"
)

// Chat is pairs of users who write to each other: chat.Send with a client_id,
// answered once the message is stored, and its delivery to the other one. Every
// answer and every delivery is counted, and each pair's seq must have no hole.
type Chat struct {
	Senders int     // clients that write; 0: all
	Rate    float64 // messages a second over all senders; 0: each writes again when it has its answer
	Payload int     // padding of a text, bytes
	Timeout time.Duration
}

func (s Chat) check(cfg *Config) error {
	switch {
	case cfg.Connections%2 != 0:
		return fmt.Errorf("%d connections: chat is between pairs, so it must be even", cfg.Connections)
	case s.Senders < 0 || s.Senders > cfg.Connections:
		return fmt.Errorf("%d senders: must be 0 to %d", s.Senders, cfg.Connections)
	case s.Rate < 0 || s.Payload < 0 || s.Timeout <= 0:
		return errors.New("rate, payload and timeout must not be negative")
	case cfg.Bare || cfg.Centrifugo:
		return errors.New("chat is measured on pushd only")
	case len(cfg.Identity.Platforms) != 1:
		return errors.New("deliveries are counted by user: one --platform only")
	}
	return nil
}

// conversation is what is known of all pairs. It belongs to the loop.
type conversation struct {
	fleet   *fleet.Fleet
	user    func(id int) string
	run     string // makes client ids of this run its own
	padding string

	sent, acked, got []uint32          // by client: sent and answered, and received of its partner
	intended         [][]time.Duration // by client: of what has no answer yet
	first            []int64           // by pair: the seq before the first message of this run
	seqs             []int64           // by pair: messages of this run whose seq is known
	highest          []int64           // by pair: the highest seq seen

	measuring, stopped                   bool
	answers, deliveries                  int64
	total, answered, arrived             int64
	refused, misplaced, duplicates, lost int64
	refusal                              string // the first one's text
	ackLatency, deliveryLatency          *report.Latency
}

func newConversation(cfg *Config, s Chat) *conversation {
	n := cfg.Connections
	return &conversation{
		user: cfg.Identity.User, run: rand.Text()[:8], padding: strings.Repeat("x", s.Payload),
		sent: make([]uint32, n), acked: make([]uint32, n), got: make([]uint32, n), intended: make([][]time.Duration, n),
		first: make([]int64, n/2), seqs: make([]int64, n/2), highest: make([]int64, n/2),
		ackLatency: report.NewLatency(), deliveryLatency: report.NewLatency(),
	}
}

// send writes a client's next message, meant for the time given.
func (v *conversation) send(c *loop.Conn, meant time.Duration) error {
	id := c.ID()
	n := v.sent[id]
	frame, err := protocol.ChatSend(n, "user:"+v.user(id^1), fmt.Sprintf("#%d @%d %s", n, meant, v.padding), fmt.Sprintf("%s-%d-%d", v.run, id, n))
	if err != nil {
		return err
	}
	v.intended[id] = append(v.intended[id], meant)
	v.sent[id]++
	v.total++
	c.Write(frame)
	return nil
}

// message takes answers and deliveries; next is called for a client that has its answer.
func (v *conversation) message(c *loop.Conn, payload []byte, e *protocol.Envelope, next func(*loop.Conn)) {
	id := c.ID()
	now := v.fleet.Loop().Now()
	switch {
	case e.Is("chat", "Send"):
		if e.Seq != v.acked[id] || len(v.intended[id]) == 0 {
			v.misplaced++
			return
		}
		meant := v.intended[id][0]
		v.intended[id] = v.intended[id][1:]
		v.acked[id]++
		v.answered++
		if e.Code != 0 {
			if v.refused++; v.refusal == "" {
				v.refusal = e.Text()
			}
		} else if seq, ok := protocol.Number(e.Data, `"seq"`); ok {
			v.number(id/2, seq)
		}
		if v.measuring {
			v.answers++
			v.ackLatency.RecordAt(now, now-meant)
		}
		if next != nil && !v.stopped {
			next(c)
		}
	case e.Is("chat", "Message"):
		n, ok := protocol.Number(payload, `"text":"#`)
		meant, timed := protocol.Number(payload, "@")
		if !ok || !timed {
			return // somebody else's
		}
		switch want := int64(v.got[id]); {
		case n < want:
			v.duplicates++
			return
		case n > want:
			v.misplaced++
		}
		v.got[id] = uint32(n) + 1
		v.arrived++
		if v.measuring {
			v.deliveries++
			v.deliveryLatency.RecordAt(now, now-time.Duration(meant))
		}
	}
}

// number takes the seq that the server gave a message of a pair.
func (v *conversation) number(pair int, seq int64) {
	if v.seqs[pair] == 0 || seq <= v.first[pair] {
		v.first[pair] = seq - 1
	}
	v.seqs[pair]++
	v.highest[pair] = max(v.highest[pair], seq)
}

// holes counts the pairs whose seqs are not one for each message.
func (v *conversation) holes() (n int64) {
	for pair, count := range v.seqs {
		if count > 0 && v.highest[pair]-v.first[pair] != count {
			n++
		}
	}
	return n
}

// Run does it.
func (s Chat) Run(ctx context.Context, cfg *Config) (*report.Result, error) {
	if err := s.check(cfg); err != nil {
		return nil, err
	}
	v := newConversation(cfg, s)
	senders := s.Senders
	if senders == 0 {
		senders = cfg.Connections
	}
	var failed error
	send := func(c *loop.Conn, meant time.Duration) {
		if err := v.send(c, meant); err != nil && failed == nil {
			failed = err
		}
	}
	var again func(*loop.Conn)
	if s.Rate == 0 {
		again = func(c *loop.Conn) { send(c, v.fleet.Loop().Clock()) }
	}
	r, err := begin(ctx, cfg, "chat", 0, fleet.Hooks{Message: func(c *loop.Conn, payload []byte, e *protocol.Envelope) { v.message(c, payload, e, again) }})
	if err != nil {
		return nil, err
	}
	v.fleet = r.fleet
	err = func() error {
		if err := r.connect(ctx, cfg.Connections); err != nil {
			return err
		}
		return r.measured(func() error {
			if err := r.fleet.Do(func() { v.measuring = true; s.start(r.fleet, senders, send) }); err != nil {
				return err
			}
			err := r.wait(ctx, "chat", cfg.Duration)
			return errors.Join(err, r.fleet.Do(func() {
				v.measuring, v.stopped = false, true
				r.fleet.Loop().SetPulse(nil)
			}))
		})
	}()
	v.await(ctx, s.Timeout)
	result, err := r.end(ctx, errors.Join(err, failed))
	if result == nil {
		return nil, err
	}
	v.report(r)
	return result, nil
}

// start sets the senders going. At a rate, message k of all is meant for time
// start+k/rate and goes to the senders in turn, whether or not they have answers.
func (s Chat) start(f *fleet.Fleet, senders int, send func(*loop.Conn, time.Duration)) {
	l := f.Loop()
	if s.Rate == 0 {
		id := 0
		l.SetPulse(func(now time.Duration) time.Duration {
			for sent := 0; id < senders; id++ {
				if sent == sendsPerTurn {
					return now
				}
				if f.IsReady(id) {
					send(l.Conn(id), now)
					sent++
				}
			}
			return loop.Never
		})
		return
	}
	plan := schedule{start: l.Clock(), gap: float64(time.Second) / s.Rate}
	k := int64(0)
	l.SetPulse(func(now time.Duration) time.Duration {
		for sent := 0; plan.at(k) <= now; k++ {
			if sent == sendsPerTurn {
				return now
			}
			if id := int(k % int64(senders)); f.IsReady(id) {
				send(l.Conn(id), plan.at(k))
				sent++
			}
		}
		return plan.at(k)
	})
}

// await waits for what is under way.
func (v *conversation) await(ctx context.Context, timeout time.Duration) {
	deadline := time.Now().Add(timeout)
	ctx = context.WithoutCancel(ctx)
	for {
		var coming int64
		err := v.fleet.Do(func() {
			coming = max(v.total-v.answered, v.total-v.refused-v.arrived)
			v.lost = v.total - v.refused - v.arrived
		})
		if err != nil || coming <= 0 || time.Now().After(deadline) || pause.For(ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}

func (v *conversation) report(r *run) {
	result := r.result
	result.Messages = &report.Messages{Sent: v.total, Expected: v.total - v.refused, Received: v.arrived, Lost: max(v.lost, 0), Duplicates: v.duplicates, Misplaced: v.misplaced}
	result.Parts = []report.Part{
		{Name: "answers", Sent: v.total, Received: v.answered, Latency: v.ackLatency.Percentiles()},
		{Name: "deliveries", Sent: v.total - v.refused, Received: v.arrived, Latency: v.deliveryLatency.Percentiles()},
	}
	r.costs(v.answers)
	result.Latency, result.Timeline = v.ackLatency.Percentiles(), v.ackLatency.Timeline()
	result.Problems.Add(v.total-v.answered, "messages not answered")
	result.Problems.Add(max(v.lost, 0), "messages not delivered")
	result.Problems.Add(v.refused, "messages refused: %s", v.refusal)
	result.Problems.Add(v.duplicates, "messages delivered twice")
	result.Problems.Add(v.misplaced, "messages out of order")
	result.Problems.Add(v.holes(), "conversations with a hole in their seq")
	result.Finish()
}
