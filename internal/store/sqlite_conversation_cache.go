package store

import (
	"context"
	"fmt"
)

// maxCachedConversations is how many conversations the writer of SQLite remembers.
const maxCachedConversations = 10_000

// conversationCache holds the conversations that batches have added to lately, with
// their newest seq, so that it need not be asked for in every batch. It is true as
// long as nobody else has written: no other job but marks, whose failed batch took
// nothing back, and no other program, which SQLite's data_version tells. Only the
// writer's goroutine uses it.
type conversationCache struct {
	byKey   map[string]*sqliteConversation
	version int64
}

func newConversationCache() *conversationCache {
	return &conversationCache{byKey: map[string]*sqliteConversation{}}
}

func (c *conversationCache) forget() { clear(c.byKey) }

// check forgets everything when another connection has changed the file.
func (c *conversationCache) check(ctx context.Context, t preparedTx) error {
	var version int64
	if err := t.QueryRowContext(ctx, sqlDataVersion).Scan(&version); err != nil {
		return fmt.Errorf("look for the changes of other programs: %w", err)
	}
	if version != c.version {
		c.forget()
		c.version = version
	}
	return nil
}

// find is the conversation of a message, begun if it is missing; nil for a group
// that isn't there.
func (c *conversationCache) find(ctx context.Context, t preparedTx, d *draft) (*sqliteConversation, error) {
	if conv := c.byKey[d.Conv]; conv != nil {
		return conv, nil
	}
	conv, err := findConversation(ctx, t, d)
	if err != nil || conv == nil {
		return nil, err
	}
	if len(c.byKey) >= maxCachedConversations {
		c.forget()
	}
	c.byKey[d.Conv] = conv
	return conv, nil
}
