package store

import (
	"context"
	"fmt"
)

// maxOpened is how many conversations the writer of SQLite remembers.
const maxOpened = 10_000

// opened are the conversations that the writer of SQLite has added to lately, with
// their newest seq, so that it need not ask for them in every batch. They are true
// as long as nobody else has written: no other job but marks, whose failed batch
// took nothing back, and no other program, which SQLite's data_version tells.
type opened struct {
	byKey   map[string]*open
	version int64
}

func newOpened() *opened { return &opened{byKey: map[string]*open{}} }

func (o *opened) forget() { clear(o.byKey) }

// check forgets everything when another connection has changed the file.
func (o *opened) check(ctx context.Context, t inTx) error {
	var version int64
	if err := t.QueryRowContext(ctx, sqlVersion).Scan(&version); err != nil {
		return fmt.Errorf("look for others' changes: %w", err)
	}
	if version != o.version {
		o.forget()
		o.version = version
	}
	return nil
}

// find is the conversation of a message, begun if it is missing; nil for a group
// that isn't there.
func (o *opened) find(ctx context.Context, t inTx, d *sending) (*open, error) {
	if conv := o.byKey[d.Conv]; conv != nil {
		return conv, nil
	}
	conv, err := openSQLite(ctx, t, d)
	if err != nil || conv == nil {
		return nil, err
	}
	if len(o.byKey) >= maxOpened {
		o.forget()
	}
	o.byKey[d.Conv] = conv
	return conv, nil
}
