package node

import (
	"context"

	"pushd/internal/codec"
	"pushd/internal/hub"
)

// post runs f for one session on its loop, if it is still the one that the entry
// describes. It is for the consequences of what a session did, so the sessions
// bound how many there are.
func (n *Node) post(e hub.Entry, f func(*Session)) {
	// It is false when the loop has stopped, and the session with it.
	_ = n.server.Loop(int(e.Loop)).Complete(func() { call(e, f) })
}

// call runs f for the session of an entry if it is still the one that the entry
// describes. It runs on the session's loop.
func call(e hub.Entry, f func(*Session)) {
	if !e.Session.Is(e.ID) {
		return
	}
	if s, ok := e.Session.Conn.(*Session); ok { // Enter registers no other
		f(s)
	}
}

// each runs f for each session on its loop, and waits for all of them.
func (n *Node) each(ctx context.Context, entries []hub.Entry, f func(*Session)) error {
	done := make(chan struct{}, len(entries))
	waiting := 0
	for _, e := range entries {
		if n.server.Loop(int(e.Loop)).Complete(func() {
			defer func() { done <- struct{}{} }()
			call(e, f)
		}) {
			waiting++
		}
	}
	for ; waiting > 0; waiting-- {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// withSession runs f for a logged-in session, on its loop.
func (n *Node) withSession(ctx context.Context, session string, f func(*Session) error) error {
	id, err := sessionID(session)
	if err != nil {
		return err
	}
	// The usual caller is the session itself.
	if s := onLoop(ctx); s != nil && s.login.Is(id) {
		return f(s)
	}
	gone := codec.Errorf(codec.CodeNotFound, "no such session: it is over, or the id is wrong")
	entry, ok := n.hub.Lookup(id)
	if !ok {
		return gone
	}
	found := error(gone)
	if err := n.each(ctx, []hub.Entry{entry}, func(s *Session) { found = f(s) }); err != nil {
		return err
	}
	return found
}
