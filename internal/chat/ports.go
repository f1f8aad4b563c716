package chat

import (
	"context"

	"pushd/internal/account"
)

// Store is everything that the service keeps.
type Store interface {
	Messages
	Conversations
	Groups
	Friends
}

// Presence answers who is online, on all nodes.
type Presence interface {
	// Online tells which of the users are. 503 (temporary) when a node that has to be
	// asked doesn't answer before ctx is done.
	Online(ctx context.Context, users []string) ([]string, error)
}

// Hooks let a backend take part in sending. What was sent is the event MessageSent.
type Hooks interface {
	// BeforeSend may change the draft's body or refuse it: with a *codec.Error.
	BeforeSend(ctx context.Context, d *Draft) error
}

// Bots are the users that are programs. They hear messages through MessageSent, and
// what they have to say comes through Service.SendAs.
type Bots interface {
	// Known tells whether there is a bot of that name; its user id is "bot:" and the name.
	Known(name string) bool
}

// Files know who may read what was uploaded. *files.Service is one.
type Files interface {
	// Attach lets a conversation read the files that a message about to be committed
	// carries; URLs that lead elsewhere don't concern it. 403 when the sender may not
	// read one themselves, 404 when it isn't there.
	Attach(ctx context.Context, id account.Identity, conv string, urls ...string) error
}
