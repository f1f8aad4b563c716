package chat

import (
	"context"

	"pushd/internal/delivery"
)

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
	Muted  *bool   `json:"muted,omitempty"` // only admins and the owner may send
	Limit  *int    `json:"limit,omitempty"`
}

// Apply changes what is given.
func (c GroupChange) Apply(g *GroupInfo) {
	assign(&g.Name, c.Name)
	assign(&g.Notice, c.Notice)
	assign(&g.Avatar, c.Avatar)
	assign(&g.Join, c.Join)
	assign(&g.Muted, c.Muted)
	assign(&g.Limit, c.Limit)
}

func assign[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// Groups are stored groups. Errors are *codec.Error; 404 is a group that isn't
// there. Bounds that are given as arguments are kept exactly, as they are looked at
// in the transaction that could break them; 0 is no bound.
type Groups interface {
	GroupRecords
	Memberships
	MemberRoles
	Joining
}

// GroupRecords are groups themselves.
type GroupRecords interface {
	// CreateGroup makes the group, its conversation and its members, of which the owner,
	// if there is one, is RoleOwner. 409 when the id is taken, 429 when there are more
	// members than its limit, its owner has as many as owned already, or somebody is
	// in more groups than in.
	CreateGroup(ctx context.Context, g GroupInfo, members []string, owned, in int) (GroupInfo, error)
	Group(ctx context.Context, id string) (GroupInfo, error)
	// ChangeGroup is 409 for a limit that the members exceed already.
	ChangeGroup(ctx context.Context, id string, c GroupChange) (GroupInfo, error)
	// DismissGroup takes the group, its requests and its members away; its messages stay
	// for the record, and nobody can read them any more.
	DismissGroup(ctx context.Context, id string) (delivery.MemberChange, error)
	GroupsOf(ctx context.Context, user string, limit int, cursor string) (page []GroupInfo, next string, err error)
	ListGroups(ctx context.Context, limit int, cursor string) (page []GroupInfo, next string, err error)
}

// Memberships are who is in them. What changes members returns who joined and who
// left, in ascending order, and the revision that it made: it rises by one with each
// change, also over the life of several groups of one id. A change of nobody makes
// none, and its revision is 0.
type Memberships interface {
	// AddMembers adds who isn't in yet, tells who they are and takes away their requests;
	// 429 and nobody added when that would be more than the group's limit, or somebody
	// would be in more groups than in. Everybody added has the present max_seq as join_seq.
	AddMembers(ctx context.Context, id string, users []string, in int, now int64) (delivery.MemberChange, error)
	// RemoveMembers tells who was in. When one of them has the role below or more, it
	// removes nobody: 409 for the owner if below is their role, 403 otherwise.
	RemoveMembers(ctx context.Context, id string, users []string, below Role) (delivery.MemberChange, error)
	// SetMembers makes these the members, as backends do; the owner stays.
	SetMembers(ctx context.Context, id string, users []string, now int64) (delivery.MemberChange, error)
	// Members are in ascending order of user ids.
	Members(ctx context.Context, id string, limit int, cursor string) (page []Member, next string, err error)
	// MemberIDs are all of them in ascending order, and the revision that they are of.
	MemberIDs(ctx context.Context, id string) (users []string, revision uint64, err error)
	// Admins are the owner and the admins.
	Admins(ctx context.Context, id string) ([]string, error)
}

// MemberRoles are what members may do.
type MemberRoles interface {
	// GroupMembership is the group and the user's membership of it, a zero Member when they aren't in.
	GroupMembership(ctx context.Context, id, user string) (GroupInfo, Member, error)
	// SetRole is 404 for who isn't in, 409 for the owner, 429 for more than admins admins.
	SetRole(ctx context.Context, id, user string, role Role, admins int) error
	// TransferGroup makes to the owner and the owner an admin, in one step. 409 when from
	// isn't the owner now, 404 when to isn't in, 429 when to owns that many already.
	TransferGroup(ctx context.Context, id, from, to string, owned int) error
	// MuteMember is 404 for who isn't in, and as RemoveMembers for whose role isn't
	// below the one given.
	MuteMember(ctx context.Context, id, user string, until int64, below Role) error
	RemarkMember(ctx context.Context, id, user, remark string) error
	// JoinedAfter are the members who came after the message with that seq, and don't
	// see it.
	JoinedAfter(ctx context.Context, id string, seq uint64) ([]string, error)
}

// Joining is who would like to be in.
type Joining interface {
	// AskToJoin is idempotent; fresh is false when the user had asked already. 429 over
	// the bounds on what waits, in the group and of the user.
	AskToJoin(ctx context.Context, r JoinRequest, perGroup, perUser int) (fresh bool, err error)
	// AnswerJoin takes the request away and, if it is accepted, makes its user a member,
	// with the errors of AddMembers, after which the request is still there. was tells
	// whether there was a request.
	AnswerJoin(
		ctx context.Context, group, user string, accept bool, in int, now int64,
	) (was bool, c delivery.MemberChange, err error)
	JoinRequests(ctx context.Context, group string, limit int, cursor string) (page []JoinRequest, next string, err error)
}
