package gateway

import (
	"context"
	"errors"

	"pushd/internal/codec"
	"pushd/internal/node"
	"pushd/internal/poller"
)

// Message implements poller.Handler: one request.
func (s *Session) Message(_ *poller.Conn, payload []byte) {
	if l := &s.gateway.limit; l.step > 0 && !s.rate.take(s.Loop().Now(), l) {
		s.limited(payload)
		return
	}
	st := s.state()
	r := &st.request
	if err := codec.Decode(payload, r); err != nil {
		s.malformed(r, err)
		return
	}
	s.Faults = 0
	route, err := s.gateway.table.Lookup(r.Module, r.Action)
	if err != nil {
		s.answer(r, "unknown", "unknown", nil, err)
		return
	}
	if !route.Open && !s.LoggedIn() {
		s.answer(r, route.Module, route.Action, nil, codec.Errorf(codec.CodeUnauthorized, "log in first, with robot.Login"))
		return
	}
	if route.Direct != nil {
		route.Direct(s, r)
		return
	}
	if route.Inline {
		st.ctx.Session = &s.Session
		reply, err := route.Call(&st.ctx, s, r.Data)
		st.ctx.Session = nil
		if !errors.Is(err, node.ErrOnLoop) {
			s.answer(r, route.Module, route.Action, reply, err)
			return
		}
	}
	s.offload(&job{
		session: s,
		request: r.Clone(),
		module:  route.Module,
		action:  route.Action,
		call:    func(ctx context.Context, j *job) (any, error) { return route.Call(ctx, s, j.request.Data) },
	})
}

// heartBeat is robot.HeartBeat. It and ping allocate nothing.
func (s *Session) heartBeat(r *codec.Request) {
	st := s.state()
	st.scratch = codec.AppendHeartBeat(st.scratch[:0], r)
	s.gateway.heartbeats.Inc()
	s.WriteMessage(st.scratch)
}

// ping is robot.Ping.
func (s *Session) ping(r *codec.Request) {
	st := s.state()
	st.scratch = codec.AppendPing(st.scratch[:0], r, s.gateway.clock.Now().UnixMilli())
	s.gateway.pings.Inc()
	s.WriteMessage(st.scratch)
}

// malformed answers a frame that isn't a request, and hangs up on a peer that
// sends nothing else. r says whose reply it is where that much could be read.
func (s *Session) malformed(r *codec.Request, err error) {
	s.answer(r, "unknown", "unknown", nil, err)
	if r.Module != "" {
		s.Faults = 0
		return
	}
	if s.Faults++; int(s.Faults) >= s.gateway.opts.MaxErrors {
		s.Close(node.CloseErrors, "too many malformed frames", reasonErrors)
	}
}
