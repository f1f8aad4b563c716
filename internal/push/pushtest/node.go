package pushtest

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push"
)

// NodeOptions are how much the topics of a Node know. The zero value remembers nothing.
type NodeOptions struct {
	// History is how many messages of a topic are remembered, 0 for none at all. All
	// are in the life "e1".
	History func(topic string) int
	// Roster says of which topics the users are known.
	Roster func(topic string) bool
	// MaxTopics is how many a session may be in; 0 is no bound.
	MaxTopics int
}

// Node is the fake of package delivertest with the ports Directory, OnlineLister and
// Topics: who is online, what topics remember, and who is in them.
type Node struct {
	*delivertest.Node
	options   NodeOptions
	platforms *account.Platforms

	// publishing is held from the place that a message gets until everybody has it,
	// and by who joins, so that nobody misses one in between. It is taken before mu.
	publishing sync.Mutex

	mu       sync.Mutex
	memories map[string]*memory  // by topic; guarded by mu
	told     map[string][]string // users by topic, as TopicChanges told last; guarded by mu
}

var (
	_ push.Directory    = (*Node)(nil)
	_ push.OnlineLister = (*Node)(nil)
	_ push.Topics       = (*Node)(nil)
)

// NewNode has the sessions given, each named "user/platform", and asks members about
// groups; nil is none.
func NewNode(members delivery.MemberSource, o NodeOptions, sessions ...string) *Node {
	platforms, err := account.NewPlatforms(nil)
	if err != nil {
		panic(err) // the built-in ones are right
	}
	if o.History == nil {
		o.History = func(string) int { return 0 }
	}
	if o.Roster == nil {
		o.Roster = func(string) bool { return false }
	}
	return &Node{
		Node: delivertest.NewNode(members, sessions...), options: o, platforms: platforms,
		memories: map[string]*memory{}, told: map[string][]string{},
	}
}

// Counts implements push.Directory. Whoever is connected has logged in.
func (n *Node) Counts(context.Context) (c push.Counts, err error) {
	sessions := n.Sessions()
	if len(sessions) == 0 {
		return c, nil
	}
	c.Connections, c.Sessions, c.Users = len(sessions), len(sessions), len(n.usersOf(sessions))
	c.Platforms = map[string]int{}
	for _, s := range sessions {
		_, platform, _ := strings.Cut(s, "/")
		c.Platforms[platform]++
	}
	c.Nodes = []push.NodeCounts{{Name: "n1", Connections: c.Connections, Sessions: c.Sessions}}
	return c, nil
}

// OnlineUsers implements push.Directory, in the order of the names.
func (n *Node) OnlineUsers(
	_ context.Context, platform string, limit int, cursor string,
) (users []push.OnlineUser, next string, err error) {
	users = n.usersOf(n.Sessions())
	if platform != "" {
		p, err := n.platforms.Parse(platform)
		if err != nil {
			return nil, "", err
		}
		users = slices.DeleteFunc(users, func(u push.OnlineUser) bool {
			return !slices.Contains(u.Platforms, n.platforms.Name(p))
		})
	}
	return pageOf(users, limit, cursor)
}

// UserSessions implements push.Directory. All began at the beginning of time.
func (n *Node) UserSessions(_ context.Context, user string) (all []push.SessionInfo, err error) {
	for _, s := range n.Sessions() {
		if of, platform, _ := strings.Cut(s, "/"); of == user {
			all = append(all, push.SessionInfo{
				Session: s, User: user, Platform: platform, Address: "192.0.2.1:5", Node: "n1", Since: 1, LastSeen: 2,
			})
		}
	}
	return all, nil
}

// CheckUsers implements push.Directory.
func (n *Node) CheckUsers(_ context.Context, users []string) (online []push.OnlineUser, err error) {
	for _, u := range users {
		if platforms := n.Platforms(u); len(platforms) > 0 {
			online = append(online, push.OnlineUser{User: u, Platforms: n.ascending(platforms)})
		}
	}
	return online, nil
}

// AllOnline implements push.OnlineLister.
func (n *Node) AllOnline(_ context.Context, most int) (names []string, err error) {
	for _, u := range n.usersOf(n.Sessions()) {
		names = append(names, u.User)
	}
	if len(names) > most {
		return nil, codec.Errorf(codec.CodeTooMany, "more than %d users are online", most)
	}
	return names, nil
}

// usersOf are the users of sessions, ascending by name, with the platforms of these.
func (n *Node) usersOf(sessions []string) []push.OnlineUser {
	platforms := map[string][]string{}
	for _, s := range sessions {
		user, platform, _ := strings.Cut(s, "/")
		platforms[user] = append(platforms[user], platform)
	}
	users := make([]push.OnlineUser, 0, len(platforms))
	for user, on := range platforms {
		users = append(users, push.OnlineUser{User: user, Platforms: n.ascending(on)})
	}
	slices.SortFunc(users, func(a, b push.OnlineUser) int { return strings.Compare(a.User, b.User) })
	return users
}

// ascending sorts the names of platforms by their numbers.
func (n *Node) ascending(names []string) []string {
	number := func(name string) account.Platform {
		p, err := n.platforms.Parse(name)
		if err != nil {
			panic(err) // a session on a platform that isn't one
		}
		return p
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	return names
}

// pageOf is a page of users in the order of their names. Its cursor is the last name, in
// hexadecimal digits, so that not every text is one.
func pageOf(users []push.OnlineUser, limit int, cursor string) (page []push.OnlineUser, next string, err error) {
	after, err := hex.DecodeString(cursor)
	if err != nil {
		return nil, "", codec.Errorf(codec.CodeMalformed, "the cursor is not one that this server gave")
	}
	page = slices.DeleteFunc(users, func(u push.OnlineUser) bool { return cursor != "" && u.User <= string(after) })
	if len(page) > limit {
		page = page[:limit]
		next = hex.EncodeToString([]byte(page[limit-1].User))
	}
	return page, next, nil
}
