package chat

import "context"

// Friend is one user as another one has them in their list.
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

	FriendBlocked = "blocked" // no state: asks FriendsOf for those that the user has blocked
)

// FriendBounds are what one user's list can hold; 0 is no bound.
type FriendBounds struct {
	Entries  int // friends, own requests and blocks
	Requests int // others' requests that wait for an answer
}

// Friends are the lists of friends. Errors are *codec.Error; 429 over a bound.
type Friends interface {
	Friendships
	Blocks
}

// Friendships begin with a request and an answer.
type Friendships interface {
	// Relation is how user has other in their list; a zero State when they have not.
	Relation(ctx context.Context, user, other string) (Friend, error)
	// AskFriend records the request on both sides; when the other one has asked already,
	// both are friends. It returns how user has other then; fresh tells that it was not
	// so before. Asking again changes the text alone. 403 when other has blocked user, 409
	// when user has blocked other.
	AskFriend(ctx context.Context, user, other, text string, b FriendBounds, now int64) (f Friend, fresh bool, err error)
	// AcceptFriend and RefuseFriend answer a request; 404 when there is none.
	AcceptFriend(ctx context.Context, user, other string, b FriendBounds, now int64) (Friend, error)
	RefuseFriend(ctx context.Context, user, other string) error
	// RemoveFriend ends it on both sides, or takes back a request; blocks stay. was is
	// the state that it had.
	RemoveFriend(ctx context.Context, user, other string) (was string, err error)
	// RemarkFriend is 404 for who isn't in the list.
	RemarkFriend(ctx context.Context, user, other, remark string) (Friend, error)
}

// Blocks are those that a user doesn't want to hear from, and the user's whole list.
type Blocks interface {
	// Block also takes away a request between the two.
	Block(ctx context.Context, user, other string, on bool, b FriendBounds, now int64) (Friend, error)
	// Blocking are those of the others who have blocked user.
	Blocking(ctx context.Context, user string, others []string) ([]string, error)
	// FriendsOf are in ascending order of user ids; state "" is all, and "blocked" is
	// those that the user has blocked, whatever the state.
	FriendsOf(ctx context.Context, user, state string, limit int, cursor string) (page []Friend, next string, err error)
}
