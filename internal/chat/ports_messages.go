package chat

import "context"

// Draft is a message before it has a seq.
type Draft struct {
	ID        string // ULID
	Conv      string // key; created with its members if it is missing and not a group's
	From      string
	ClientID  string // "" is none; with it a second Append of the same sender gives the first one's message
	Body      Body
	Time      int64 // Unix milliseconds
	Expires   int64 // Unix milliseconds; 0 is never
	Mention   []string
	OneDevice bool
	// Committed, if set, is called once the message has its seq and is committed, in the
	// order of the seqs of a conversation: before Append returns, or after it has
	// returned since ctx was done. It is not called for a duplicate, and must not block.
	Committed func()
}

// Messages is the durable part of conversations. Errors are *codec.Error: 404
// for what isn't there, 503 (temporary) when the database can't take or give it
// now. now is Unix milliseconds: what expired before it comes as TypeGone.
type Messages interface {
	Timeline
	Revisions
}

// Timeline is conversations as they are written and read.
type Timeline interface {
	// Append commits a message and gives its seq. It returns after the commit that
	// holds it; commits are shared by what waits at the same time. duplicate tells
	// that the sender's ClientID was there already: the message is then the first one.
	// 404 for a group's conversation that doesn't exist.
	Append(ctx context.Context, d Draft) (m Message, duplicate bool, err error)
	// Page returns messages of a conversation, newest first when before is used and
	// oldest first when after is: seq < before (0: from the end) or seq > after, and
	// never beyond from, the reader's join_seq. more tells that there are others.
	Page(ctx context.Context, reader, conv string, q PageQuery) (page []Message, more bool, err error)
	// Message finds one by id, as reader sees it.
	Message(ctx context.Context, reader, id string) (Message, error)
	// Changed returns messages with seq ≤ upTo that changed after rev, in the order
	// of their changes; more tells that there are others.
	Changed(
		ctx context.Context, reader, conv string, rev, upTo uint64, limit int, now int64,
	) (page []Message, more bool, err error)
	// Search finds messages by words, newest first, in the user's conversations, or
	// in one. cursor is opaque, "" for the start; next is "" at the end.
	Search(
		ctx context.Context, user, words, conv string, limit int, cursor string, now int64,
	) (found []Message, next string, err error)
	// Expire removes what ran out before now, at most limit messages; it tells how many.
	Expire(ctx context.Context, now int64, limit int) (int, error)
}

// Revisions are what happens to a message afterwards.
type Revisions interface {
	// Recall empties a message; Edit replaces its body and keeps the former one as
	// a Version. Both return the message and the conversation's new rev. 409 when it is
	// recalled already.
	Recall(ctx context.Context, id string, now int64) (Message, uint64, error)
	Edit(ctx context.Context, id string, body Body, mention []string, now int64) (Message, uint64, error)
	// Versions are the former bodies of an edited message, oldest first.
	Versions(ctx context.Context, id string) ([]Version, error)
	// React gives or takes back a sign; changed is false when it was so already. 429
	// over MaxSigns different signs on a message.
	React(ctx context.Context, id, user, sign string, on bool, now int64) (m Message, rev uint64, changed bool, err error)
	// Hide deletes messages for one reader.
	Hide(ctx context.Context, conv, user string, seqs []uint64) error
}

// PageQuery asks for a page of a conversation.
type PageQuery struct {
	Before, After uint64 // at most one is set; neither is the newest page
	Forward       bool   // After is meant, also when it is 0
	From          uint64 // messages with seq ≤ From are not the reader's to see
	Limit         int
	Now           int64
}

// Version is a former body of an edited message.
type Version struct {
	Body
	Time int64 `json:"time"` // until when it stood
}
