package push

import (
	"context"
	"encoding/json"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Directory answers who is online, on all nodes. Errors are *codec.Error; 503
// (temporary) when a node that has to be asked doesn't answer before ctx is done.
type Directory interface {
	Counts(ctx context.Context) (Counts, error)
	// OnlineUsers lists users in a stable order, at most limit of them, from
	// after the cursor ("" for the start); next is "" at the end. A cursor that
	// doesn't parse is a 400 *codec.Error.
	OnlineUsers(
		ctx context.Context, platform string, limit int, cursor string,
	) (users []OnlineUser, next string, err error)
	// UserSessions describes the user's sessions; empty when not online.
	UserSessions(ctx context.Context, user string) ([]SessionInfo, error)
	// CheckUsers returns those of the users that are online, with platforms. It answers
	// from memory, also where there are several nodes: event loops call it.
	CheckUsers(ctx context.Context, users []string) ([]OnlineUser, error)
}

// Topics are rooms for sessions, and what is remembered of them.
type Topics interface {
	Membership
	Memory
	Rosters
}

// Membership is which sessions are in which topics.
type Membership interface {
	// Subscribe adds the session; 404 when the session is gone, 429 over a bound.
	// ctx is the request's: when it came from that session, on its event loop, the
	// answer comes from memory and nothing waits. So it is with Unsubscribe.
	Subscribe(ctx context.Context, session, topic string) error
	Unsubscribe(ctx context.Context, session, topic string) error
	// Subscribers is the number of sessions in the topic, on all nodes.
	Subscribers(ctx context.Context, topic string) (int, error)
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
	// Remembers tells whether the topic has a history: a matter of configuration, which
	// never changes and asks nobody.
	Remembers(topic string) bool
	// Publish delivers a message to a topic that has one and remembers it. Of two
	// publications to a topic nobody gets the later first. 503 when part of the
	// members will not get it; it is remembered all the same. Event loops call it: it
	// waits for nothing, or returns the node's own error for a call that would.
	Publish(ctx context.Context, topic, except string, stamp codec.Stamp) (delivery.Receipt, Position, error)
	// Join is Subscribe, and reads what came after since in the same step: with a
	// position, nothing is missing and nothing is there twice between Frames and
	// what is delivered from then on. More than maxBytes are not recovered. As with
	// Subscribe, nothing waits on the session's event loop.
	Join(ctx context.Context, session, topic string, since *Position, maxBytes int) (Past, error)
	// History reads up to count messages after an offset, or with nil the newest,
	// as many as fit into maxBytes but at least one.
	History(ctx context.Context, topic string, after *uint64, count, maxBytes int) (Past, error)
}

// Rosters tell who is in topics.
type Rosters interface {
	// Roster is a page of a topic's users, where the nodes are configured to know them; a
	// cursor that doesn't parse is a 400. It answers from memory: event loops call it.
	Roster(ctx context.Context, topic string, limit int, cursor string) (Roster, error)
	// TopicChanges is who came and went since it was asked last, where the node
	// is configured to know; of large topics less often. It answers from memory.
	TopicChanges() []TopicChange
	// ListTopics is a page of the topics that have subscribers, without the server's
	// own, which begin with $; next is "" at the end.
	ListTopics(ctx context.Context, limit int, cursor string) (topics []TopicCount, next string, err error)
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
