package chat

import "context"

// Member is one user in a conversation.
type Member struct {
	User       string `json:"user"`
	Role       Role   `json:"role"`
	JoinSeq    uint64 `json:"join_seq"`              // max_seq when the user joined; they see what is after it
	ReadSeq    uint64 `json:"read_seq"`              // everything up to it is read
	MutedUntil int64  `json:"muted_until,omitempty"` // Unix milliseconds; may not send until then
	Remark     string `json:"remark,omitempty"`      // the name that they gave themselves in the group
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

// Conversations is who is in which conversation, and how far they have read.
type Conversations interface {
	Overview
	Marks
}

// Overview is the conversations of a user and their membership of each.
type Overview interface {
	// Head is one conversation as the user sees it; 404 when there is none or they
	// aren't in it. For Everyone and their own notices every user is a member.
	Head(ctx context.Context, user, conv string, now int64) (Head, error)
	// Heads are the user's conversations, the one with the latest message first.
	Heads(ctx context.Context, user string, limit int, cursor string, now int64) (page []Head, next string, err error)
	// Moved are those of the user's conversations that are elsewhere than the marks say,
	// or not among them, ascending by key, from after the key given; without Last.
	Moved(
		ctx context.Context, user string, known map[string]Mark, after string, limit int,
	) (page []Head, next string, err error)
	// Unread is the sum over all their conversations.
	Unread(ctx context.Context, user string) (int, error)
	// Member is one user's membership of a conversation; 404 when they aren't in it.
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
	Readers(
		ctx context.Context, conv string, seq uint64, read bool, limit int, cursor string,
	) (users []string, next string, total int, err error)
}
