package delivery

import (
	"context"

	"pushd/internal/codec"
)

// Target says who receives a frame. The union of all lists receives it, each
// session once; Platforms, Except and Without narrow the result. Names nobody has
// are no error.
type Target struct {
	Everyone bool     // every logged-in session; the lists are then ignored
	Users    []string // user ids
	Groups   []string // group ids, whose members a MemberSource tells; unknown ones have none
	Topics   []string // topic names
	Sessions []string // session ids

	Platforms []string // platform names or numbers, as account.Platforms knows them; empty is all
	Except    string   // a session id that does not receive it, usually the sender's
	Without   []string // user ids that do not receive it as Users or as members of Groups

	// OneDevice picks, of the sessions of the one user that Users names, that from
	// which something was heard last. It goes with no other list.
	OneDevice bool

	// Conversation is what the frame is about, and keeps the order: of two
	// deliveries with the same one, of which the second is made when the first has
	// returned, no session gets the second first, whatever their targets are. Topics
	// have an order of their own: with Topics it is not looked at.
	Conversation string
}

// Empty reports whether the target names nobody.
func (t Target) Empty() bool {
	return !t.Everyone && len(t.Users)+len(t.Groups)+len(t.Topics)+len(t.Sessions) == 0
}

// Receipt is what is known of a frame at the moment it was queued, summed over
// the nodes that answered.
type Receipt struct {
	Sessions int // sessions that it was queued for
	// Users is the number of distinct users among them on each node, summed over the
	// nodes; for topics and everyone the sessions' users are not told apart and it is
	// Sessions.
	Users int
	// Offline are, in ascending order, those of Target.Users that have no session on
	// any node that the target's platforms admit. The session that Except leaves out
	// counts as one. With Silent nodes it holds no user who may be on one of them.
	Offline []string
	// Session is what OneDevice picked; "" when the user has none.
	Session string
	// Silent are the nodes that did not answer in time: their sessions may or may not
	// get the frame, and are not counted. Always empty with one node.
	Silent []string
}

// Deliverer queues one prebuilt frame for every session that a target matches.
// It never blocks on a client; it may wait for a group's members to be loaded, and
// for other nodes, until ctx is done, whose error it then returns. Other errors are
// *codec.Error: 400 for a target that can't be read (unknown platform, bad session
// id, one device of several users), 503 (temporary) when members can't be loaded, or
// when an event loop can't take more: the receipt then tells what the others took.
type Deliverer interface {
	Deliver(ctx context.Context, to Target, frame codec.Frame) (Receipt, error)
}
