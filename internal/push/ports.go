package push

import (
	"context"
	"encoding/json"
	"time"

	"pushd/internal/codec"
)

// Target says who receives a push. The union of all lists receives it, each
// session once. Platforms, when not empty, narrows the result.
type Target struct {
	Everyone  bool     // every logged-in session; the lists are then ignored
	Users     []string // user ids
	Groups    []string // group ids
	Topics    []string // topic names
	Sessions  []string // session ids
	Platforms []string // platform names or numbers, as account.Platforms knows them
	Except    string   // a session id that does not receive it, usually the sender's
}

func (t Target) empty() bool {
	return !t.Everyone && len(t.Users)+len(t.Groups)+len(t.Topics)+len(t.Sessions) == 0
}

// Receipt is what is known of a push at the moment it was queued.
type Receipt struct {
	Sessions int      // sessions it was queued for
	Users    int      // distinct users among them; for topics and broadcasts the sessions' users are not told apart and this is Sessions
	Offline  []string // named users with no session here that matched
}

// Deliverer queues one prebuilt frame for every session a target matches.
// It never blocks on a client. An error is a *codec.Error: 400 for a target
// that cannot be read (unknown platform, bad session id), 503 when an event
// loop's mailbox is full.
type Deliverer interface {
	Deliver(ctx context.Context, to Target, frame codec.Frame) (Receipt, error)
}

// Directory answers who is online.
type Directory interface {
	Counts() Counts
	// OnlineUsers lists users in a stable order, at most limit of them, from
	// after the cursor ("" for the start); next is "" at the end. A cursor that
	// doesn't parse is a 400 *codec.Error.
	OnlineUsers(platform string, limit int, cursor string) (users []OnlineUser, next string, err error)
	// UserSessions describes the user's sessions; empty when not online.
	UserSessions(ctx context.Context, user string) ([]SessionInfo, error)
	// CheckUsers returns those of the users that are online, with platforms.
	CheckUsers(users []string) []OnlineUser
	// Kick closes matching sessions with 4004 and the reason, and tells how many.
	// session wins over user; platform "" is every platform.
	Kick(ctx context.Context, user, platform, session, reason string) (int, error)
}

// Topics are the rooms of this node, and what is remembered of them.
type Topics interface {
	Membership
	Memory
	Rosters
}

// Membership is which sessions are in which topics.
type Membership interface {
	// Subscribe adds the session; 404 when the session is gone, 429 over a bound.
	// ctx is the request's: when it came from that session, nothing waits.
	Subscribe(ctx context.Context, session, topic string) error
	Unsubscribe(ctx context.Context, session, topic string) error
	// Subscribers is the number of sessions in the topic on this node.
	Subscribers(topic string) int
}

// Position is a place in a topic with a history: the number of a message, from
// 1, and which life of the history that counts in.
type Position struct {
	Offset uint64 `json:"offset"`
	Epoch  string `json:"epoch"`
}

// Past is what a topic remembers, as of one moment.
type Past struct {
	Position         // of the newest message
	First     uint64 // offset of the oldest that is remembered; Offset+1 when none is
	After     uint64 // the offset before that of the first of Frames
	Frames    []codec.Frame
	Recovered bool // Frames are all that came after the position asked for
}

// Memory is the history of topics.
type Memory interface {
	// Remembers tells whether the topic has a history. It never changes.
	Remembers(topic string) bool
	// Publish delivers a message to a topic that has one and remembers it. Of two
	// publications to a topic nobody gets the later first. 503 when part of the
	// members will not get it; it is remembered all the same.
	Publish(ctx context.Context, topic, except string, stamp codec.Stamp) (Receipt, Position, error)
	// Join is Subscribe, and reads what came after since in the same step: with a
	// position, nothing is missing and nothing is there twice between Frames and
	// what is delivered from then on. More than maxBytes are not recovered.
	Join(ctx context.Context, session, topic string, since *Position, maxBytes int) (Past, error)
	// History reads up to count messages after an offset, or with nil the newest,
	// as many as fit into maxBytes but at least one.
	History(topic string, after *uint64, count, maxBytes int) Past
}

// Rosters tell who is in topics.
type Rosters interface {
	// Roster is a page of a topic's users, where the node is told to know them; a
	// cursor that doesn't parse is a 400.
	Roster(topic string, limit int, cursor string) (Roster, error)
	// TopicChanges is who came and went since it was asked last, where the node is
	// told to know; of large topics it tells less often.
	TopicChanges() []TopicChange
	// ListTopics is a page of the topics that have subscribers; next is "" at the end.
	ListTopics(limit int, cursor string) (topics []TopicCount, next string)
	// TopicUsers is who is in a topic, ascending by name. It asks the event loops,
	// and must not be called on one.
	TopicUsers(ctx context.Context, topic string) ([]OnlineUser, error)
}

// Roster is a page of who is in a topic.
type Roster struct {
	Users       []OnlineUser // with the platforms on which they are in the topic
	Next        string       // cursor; "" at the end
	Count       int          // users in all
	Subscribers int          // sessions in all
}

// TopicChange is who came to a topic and went.
type TopicChange struct {
	Topic        string
	Joined, Left []string // ascending
	More         bool     // there were too many to name
	Users        int      // in the topic now
	Subscribers  int
}

// TopicCount is a topic and its subscribers.
type TopicCount struct {
	Topic       string `json:"topic"`
	Subscribers int    `json:"subscribers"`
}

// Groups is the membership of users in groups: in memory where there is no store,
// and else the groups that users have too.
type Groups interface {
	// SetGroup creates or replaces a group; 429 over a bound.
	SetGroup(ctx context.Context, group string, users []string) error
	// AddOnline adds every online user to the group, creating it; it returns the group's size.
	AddOnline(ctx context.Context, group string) (int, error)
	// Group returns the members in ascending order; ok is false when there is no such group.
	Group(ctx context.Context, group string) (users []string, ok bool, err error)
	DeleteGroup(ctx context.Context, group string) (was bool, err error)
}

// Counts are the totals of GET /api/online.
type Counts struct {
	Connections int            `json:"connections"` // sockets past the opening handshake
	Sessions    int            `json:"sessions"`    // of those, logged in
	Users       int            `json:"users"`
	Platforms   map[string]int `json:"platforms"` // sessions by platform name
	Nodes       []NodeCounts   `json:"nodes"`
}

// NodeCounts are one node's totals.
type NodeCounts struct {
	Name        string `json:"name"`
	Connections int    `json:"connections"`
	Sessions    int    `json:"sessions"`
}

// OnlineUser is one user that is online.
type OnlineUser struct {
	User      string   `json:"user"`
	Platforms []string `json:"platforms"` // ascending by platform number, each once
}

// SessionInfo describes one session. Times are Unix milliseconds.
type SessionInfo struct {
	Session     string `json:"session"`
	User        string `json:"user"`
	Platform    string `json:"platform"`
	App         string `json:"app,omitempty"`
	Device      string `json:"device,omitempty"`
	Address     string `json:"address"` // ip:port of the client
	Node        string `json:"node"`
	Since       int64  `json:"since"`
	LastSeen    int64  `json:"last_seen"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	MessagesIn  uint64 `json:"messages_in"`
	MessagesOut uint64 `json:"messages_out"`
}

// Message is what a push carries: any JSON object, relayed as it came.
type Message = json.RawMessage

// Clock is time.Now, handed in.
type Clock func() time.Time
