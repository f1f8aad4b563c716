package chat

// Events of notices.
const (
	EventJoined  = "joined"
	EventLeft    = "left"    // by themselves
	EventRemoved = "removed" // by somebody else
)

// Notice is the data of a message of TypeNotice: what happened in a group.
type Notice struct {
	Event string   `json:"event"`
	Users []string `json:"users"`        // at most 100 of them
	Count int      `json:"count"`        // all of them
	By    string   `json:"by,omitempty"` // absent when a backend did it
}

// GroupEvent is the data of the pushes group.Dismissed and group.Refused.
type GroupEvent struct {
	Group string `json:"group"`
	Conv  string `json:"conv"`
	By    string `json:"by,omitempty"` // who did it; absent when a backend did
}

// GroupJoined is the data of the push group.Joined.
type GroupJoined struct {
	Group string   `json:"group"`
	Conv  string   `json:"conv"`
	Users []string `json:"users"`        // at most 100 of them
	Count int      `json:"count"`        // all of them
	By    string   `json:"by,omitempty"` // who did it; absent when a backend did
}

// GroupLeft is the data of the push group.Left.
type GroupLeft struct {
	Group string   `json:"group"`
	Conv  string   `json:"conv"`
	Users []string `json:"users"`        // at most 100 of them
	Count int      `json:"count"`        // all of them
	Event string   `json:"event"`        // left or removed
	By    string   `json:"by,omitempty"` // who did it; absent when a backend did
}

// GroupChanged is the data of the push group.Changed.
type GroupChanged struct {
	Group  string     `json:"group"`
	Conv   string     `json:"conv"`
	By     string     `json:"by,omitempty"`     // who did it; absent when a backend did
	Info   *GroupInfo `json:"info,omitempty"`   // the group as it is now
	Member *Member    `json:"member,omitempty"` // a member as they are now
}

// GroupRequested is the data of the push group.Requested.
type GroupRequested struct {
	Group string `json:"group"`
	Conv  string `json:"conv"`
	User  string `json:"user"`           // who asks
	Text  string `json:"text,omitempty"` // what came with it
	Time  int64  `json:"time"`           // Unix milliseconds
}
