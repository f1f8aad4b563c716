package node

import (
	"context"
	"errors"
	"strings"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/hub"
)

// ErrOnLoop is returned instead of waiting, by a call that came from an event loop
// and can't be answered from memory this time. Nothing was changed.
var ErrOnLoop = errors.New("node: would have to wait, on an event loop")

// Login is who a session logs in as.
type Login struct {
	User     string
	Platform account.Platform
	App      string // name of the client application; "" is none
	Device   string // the client's own name for its device; "" is none
	Grant    string // what the token belongs to; "" is none
}

// Enter puts a session into the directory, where it is found from now on, and
// closes those that it replaces. On the session's loop. 409 when the user is on the
// platform already and policy refuses a second login, 429 for too many sessions.
func (n *Node) Enter(s *Session, l Login) error {
	s.login.User = strings.Clone(l.User)
	s.login.Platform = uint8(l.Platform)
	s.login.App = n.hub.Intern(l.App)
	s.login.Conn = s
	s.login.Loop = uint16(s.Loop().Index())
	s.login.Since = uint32(n.clock.Now().Unix())
	s.SetDetails(l.Device, l.Grant)
	replaced, err := n.hub.Add(&s.login)
	switch {
	case errors.Is(err, hub.ErrTaken):
		return codec.Errorf(codec.CodeConflict, "already logged in on %s", n.platforms.Name(l.Platform))
	case errors.Is(err, hub.ErrTooMany):
		return codec.Errorf(codec.CodeTooMany, "too many sessions of this user: close one first")
	case err != nil:
		return err
	}
	for _, old := range replaced {
		n.post(old, func(s *Session) {
			s.Close(CloseReplaced, "logged in elsewhere on "+n.platforms.Name(l.Platform), ReasonReplaced)
		})
	}
	return nil
}

// Leave takes a session out of the directory and of its topics. On its loop; a
// second call does nothing.
func (n *Node) Leave(s *Session) { n.hub.Remove(&s.login) }

// Park keeps the topics of a session that is being lost, for Resume. On its loop,
// before Leave.
func (n *Node) Park(s *Session) { n.hub.Park(&s.login) }

// ParkLost ends the session that is to be resumed when the node has not noticed yet
// that its connection is dead, and keeps its topics. It may wait for the lost
// session's loop: ErrOnLoop there. An id that is unknown, or another's, is no error.
func (n *Node) ParkLost(ctx context.Context, s *Session, lost string, l Login) error {
	old, ok := n.lookup(lost)
	if !ok || old.User != l.User || old.Platform != uint8(l.Platform) || old.Session == &s.login {
		return nil
	}
	if onLoop(ctx) != nil {
		return ErrOnLoop
	}
	return n.each(ctx, []hub.Entry{old}, func(s *Session) {
		n.hub.Park(&s.login)
		s.Close(CloseReplaced, "the session was resumed on another connection", ReasonReplaced)
	})
}

// lookup finds a session by the id that clients know. One that doesn't parse is as
// good as one that is long forgotten.
func (n *Node) lookup(session string) (hub.Entry, bool) {
	id, err := hub.ParseID(session)
	if err != nil {
		return hub.Entry{}, false
	}
	return n.hub.Lookup(id)
}

// Resume gives a session the topics of a lost one. On its loop. It reports false
// when it can't, or not with all of them: the client then subscribes anew.
func (n *Node) Resume(s *Session, lost string) bool {
	id, err := hub.ParseID(lost)
	if err != nil || id == 0 || id == s.login.ID {
		return false
	}
	topics, whole := n.hub.Resume(id, s.login.User, s.login.Platform)
	for _, t := range topics {
		if err := n.hub.Subscribe(&s.login, t); err != nil {
			whole = false
		}
	}
	return whole
}
