package chat

import "context"

// GroupInfo is a group as its members see it.
type GroupInfo struct {
	ID      string `json:"id"`
	Conv    string `json:"conv"`
	Name    string `json:"name"`
	Notice  string `json:"notice,omitempty"` // what the owner tells its members
	Avatar  string `json:"avatar,omitempty"` // URL
	Owner   string `json:"owner,omitempty"`  // "" for a group that backends made
	Join    string `json:"join"`             // open, approval, invite
	Muted   bool   `json:"muted,omitempty"`  // only admins and the owner may send
	Members int    `json:"members"`
	Limit   int    `json:"limit"`
	Created int64  `json:"created"` // Unix milliseconds
}

// Ways into a group.
const (
	JoinOpen     = "open"     // whoever asks is in
	JoinApproval = "approval" // an admin answers
	JoinInvite   = "invite"   // members are brought by admins
)

// JoinRequest is somebody waiting for an admin's answer.
type JoinRequest struct {
	Group string `json:"group"`
	User  string `json:"user"`
	Text  string `json:"text,omitempty"`
	Time  int64  `json:"time"`
}

// GroupChange names the fields to change; nil stays.
type GroupChange struct {
	Name   *string `json:"name,omitempty"`
	Notice *string `json:"notice,omitempty"`
	Avatar *string `json:"avatar,omitempty"`
	Join   *string `json:"join,omitempty"`
	Muted  *bool   `json:"muted,omitempty"`
	Limit  *int    `json:"limit,omitempty"`
}

// Groups are stored groups. Errors are *codec.Error.
type Groups interface {
	// CreateGroup makes the group, its conversation and its members, of whom the owner,
	// if there is one, is RoleOwner. 409 when the id is taken.
	CreateGroup(ctx context.Context, g GroupInfo, members []string) (GroupInfo, error)
	Group(ctx context.Context, id string) (GroupInfo, error)
	ChangeGroup(ctx context.Context, id string, c GroupChange) (GroupInfo, error)
	// DismissGroup takes the group, its requests and its members away; its messages stay
	// for the record, and nobody can read them any more.
	DismissGroup(ctx context.Context, id string) error
	// AddMembers adds who isn't in yet and tells whom it added; 429 when that would be
	// more than the group's limit. Everybody added has the present max_seq as join_seq.
	AddMembers(ctx context.Context, id string, users []string, now int64) (added []string, err error)
	// RemoveMembers tells who was in.
	RemoveMembers(ctx context.Context, id string, users []string) (removed []string, err error)
	// SetMembers makes these the members, as backends do; the owner stays.
	SetMembers(ctx context.Context, id string, users []string, now int64) (added, removed []string, err error)
	SetRole(ctx context.Context, id, user string, role Role) error
	// TransferGroup makes to the owner and the owner an admin, in one step.
	TransferGroup(ctx context.Context, id, from, to string) error
	MuteMember(ctx context.Context, id, user string, until int64) error
	RemarkMember(ctx context.Context, id, user, remark string) error
	// Members are in ascending order of user ids.
	Members(ctx context.Context, id string, limit int, cursor string) (page []Member, next string, err error)
	// MemberIDs are all of them, to be held in memory for fan-out.
	MemberIDs(ctx context.Context, id string) ([]string, error)
	GroupsOf(ctx context.Context, user string, limit int, cursor string) (page []GroupInfo, next string, err error)
	ListGroups(ctx context.Context, limit int, cursor string) (page []GroupInfo, next string, err error)
	// AskToJoin is idempotent; AnswerJoin takes the request away and tells whether there was one.
	AskToJoin(ctx context.Context, r JoinRequest) error
	AnswerJoin(ctx context.Context, group, user string) (bool, error)
	JoinRequests(ctx context.Context, group string, limit int, cursor string) (page []JoinRequest, next string, err error)
}

// Friend is one user as another one has him in his list.
type Friend struct {
	User    string `json:"user"`
	State   string `json:"state"` // asked (by me), asking (me), friend, none (only blocked)
	Remark  string `json:"remark,omitempty"`
	Text    string `json:"text,omitempty"` // what came with the request
	Blocked bool   `json:"blocked,omitempty"`
	Since   int64  `json:"since"` // Unix milliseconds
}

// States of a friendship, as one of the two sees it.
const (
	FriendAsked  = "asked"
	FriendAsking = "asking"
	FriendYes    = "friend"
	FriendNone   = "none"
)

// Friends are who knows whom. Errors are *codec.Error.
type Friends interface {
	// Relation is how user has other in his list; a zero State when he has not.
	Relation(ctx context.Context, user, other string) (Friend, error)
	// AskFriend records the request on both sides; when the other one has asked already,
	// both are friends and accepted is true. Asking again changes the text alone.
	AskFriend(ctx context.Context, user, other, text string, now int64) (accepted bool, err error)
	// AcceptFriend and RefuseFriend answer a request; 404 when there is none.
	AcceptFriend(ctx context.Context, user, other string, now int64) error
	RefuseFriend(ctx context.Context, user, other string) error
	// RemoveFriend ends it on both sides, or takes back a request; blocks stay.
	RemoveFriend(ctx context.Context, user, other string) (was bool, err error)
	RemarkFriend(ctx context.Context, user, other, remark string) error
	Block(ctx context.Context, user, other string, on bool, now int64) error
	// FriendsOf are in ascending order of user ids; state "" is all.
	FriendsOf(ctx context.Context, user, state string, limit int, cursor string) (page []Friend, next string, err error)
	// CountFriends is how many entries a user has, for the bound on them.
	CountFriends(ctx context.Context, user string) (int, error)
}

// Store is everything that the service keeps.
type Store interface {
	Messages
	Conversations
	Groups
	Friends
}
