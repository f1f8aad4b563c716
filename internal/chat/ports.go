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
}

// Member is one user in a conversation.
type Member struct {
	User       string `json:"user"`
	Role       Role   `json:"role"`
	JoinSeq    uint64 `json:"join_seq"`              // the conversation's max_seq when he joined; he sees what is after it
	ReadSeq    uint64 `json:"read_seq"`              // everything up to it is read
	MutedUntil int64  `json:"muted_until,omitempty"` // Unix milliseconds; may not send until then
	Remark     string `json:"remark,omitempty"`      // his name in the group
	Since      int64  `json:"since"`                 // Unix milliseconds
}

// Role is what a member may do. In JSON it is its name.
type Role uint8

// Roles, in ascending order of rights.
const (
	RoleMember Role = iota + 1
	RoleAdmin
	RoleOwner
)

// Head is the state of a conversation as one of its members sees it.
type Head struct {
	Conv      string   `json:"conv"`
	Kind      string   `json:"kind"`
	MaxSeq    uint64   `json:"max_seq"`
	Rev       uint64   `json:"rev"` // rises with each change of a message: edit, recall, reaction
	JoinSeq   uint64   `json:"join_seq"`
	ReadSeq   uint64   `json:"read_seq"`
	Unread    int      `json:"unread"`         // max_seq − max(read_seq, own last sent, join_seq)
	PeerRead  uint64   `json:"peer_read"`      // single chat: how far the other has read
	PeerGot   uint64   `json:"peer_delivered"` // single chat: how far the other's devices confirmed
	LastTime  int64    `json:"last_time"`
	Last      *Message `json:"last,omitempty"`
	Mentioned bool     `json:"mentioned,omitempty"` // an unread message mentions the reader
}

// Mark is how far a client knows a conversation.
type Mark struct {
	Seq uint64 `json:"seq"`
	Rev uint64 `json:"rev"`
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
	Changed(ctx context.Context, reader, conv string, rev, upTo uint64, limit int, now int64) (page []Message, more bool, err error)
	// Search finds messages by words, newest first, in the user's conversations, or
	// in one. cursor is opaque, "" for the start; next is "" at the end.
	Search(ctx context.Context, user, words, conv string, limit int, cursor string, now int64) (found []Message, next string, err error)
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

// Conversations is who is in which conversation, and how far they have read.
type Conversations interface {
	Overview
	Marks
}

// Overview is the conversations of a user and his place in them.
type Overview interface {
	// Head is one conversation as the user sees it; 404 when there is none or he
	// isn't in it. For Everyone and his own notices every user is a member.
	Head(ctx context.Context, user, conv string, now int64) (Head, error)
	// Heads are the user's conversations, the one with the latest message first.
	Heads(ctx context.Context, user string, limit int, cursor string, now int64) (page []Head, next string, err error)
	// Moved are those of the user's conversations that are elsewhere than the marks say,
	// or not among them, ascending by key, from after the key given; without Last.
	Moved(ctx context.Context, user string, known map[string]Mark, after string, limit int) (page []Head, next string, err error)
	// Unread is the sum over all his conversations.
	Unread(ctx context.Context, user string) (int, error)
	// Member is one user's place in a conversation; 404 when he isn't in it.
	Member(ctx context.Context, conv, user string) (Member, error)
	// HideConversation takes it off the user's list until its next message.
	HideConversation(ctx context.Context, conv, user string) error
}

// Marks are how far members have come.
type Marks interface {
	// SetRead and SetDelivered move marks forward, never back, and not beyond max_seq;
	// moved is false when nothing changed. device is the client's, or its platform.
	SetRead(ctx context.Context, conv, user string, seq uint64) (now uint64, moved bool, err error)
	SetDelivered(ctx context.Context, conv, user, device string, seq uint64) (now uint64, moved bool, err error)
	// Readers are the members who have read up to seq, or have not, in ascending order.
	Readers(ctx context.Context, conv string, seq uint64, read bool, limit int, cursor string) (users []string, next string, total int, err error)
}

// Presence answers who is online, on all nodes.
type Presence interface {
	// Online tells which of the users are. 503 (temporary) when a node that has to be
	// asked doesn't answer before ctx is done.
	Online(ctx context.Context, users []string) ([]string, error)
}
