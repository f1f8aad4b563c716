package chat

import (
	"context"

	"pushd/internal/account"
)

// Files know who may read what was uploaded. *files.Service is one.
type Files interface {
	// Attach lets a conversation read the files that a message about to be committed
	// carries; URLs that lead elsewhere don't concern it. 403 when the sender may not
	// read one himself, 404 when it isn't there.
	Attach(ctx context.Context, id account.Identity, conv string, urls ...string) error
}
