package node

import (
	"context"
	"errors"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/hub"
	"pushd/internal/push"
)

// Counts implements push.Directory.
func (n *Node) Counts(context.Context) (push.Counts, error) {
	c := n.hub.Counts()
	counts := push.Counts{
		Connections: int(n.metrics.Connections()),
		Sessions:    c.Sessions,
		Users:       c.Users,
		Platforms:   make(map[string]int),
	}
	for p, sessions := range c.Platforms {
		if sessions > 0 {
			counts.Platforms[n.platforms.Name(account.Platform(p))] = sessions
		}
	}
	counts.Nodes = []push.NodeCounts{{Name: n.name, Connections: counts.Connections, Sessions: counts.Sessions}}
	return counts, nil
}

// OnlineUsers implements push.Directory.
func (n *Node) OnlineUsers(_ context.Context, platform string, limit int, cursor string) ([]push.OnlineUser, string, error) {
	var mask uint64
	if platform != "" {
		p, err := n.platforms.Parse(platform)
		if err != nil {
			return nil, "", err
		}
		mask = 1 << p
	}
	list, next, err := n.hub.OnlineUsers(mask, limit, cursor)
	return n.onlineUsers(list), next, cursorError(err)
}

// CheckUsers implements push.Directory.
func (n *Node) CheckUsers(_ context.Context, users []string) ([]push.OnlineUser, error) {
	online := []push.OnlineUser{}
	for _, u := range users {
		if mask := n.hub.UserPlatforms(u); mask != 0 {
			online = append(online, push.OnlineUser{User: u, Platforms: n.platformNames(mask)})
		}
	}
	return online, nil
}

// Online implements chat.Presence.
func (n *Node) Online(_ context.Context, users []string) ([]string, error) {
	var online []string
	for _, u := range users {
		if n.hub.UserPlatforms(u) != 0 {
			online = append(online, u)
		}
	}
	return online, nil
}

// AllOnline implements push.OnlineLister, and that of package chat.
func (n *Node) AllOnline(_ context.Context, most int) ([]string, error) {
	users, err := n.hub.AllOnline(most)
	if errors.Is(err, hub.ErrTooManyOnline) {
		return nil, codec.Errorf(codec.CodeTooMany, "more than %d users are online: too many for one group", most)
	}
	return users, err
}

// UserSessions implements push.Directory. What only a loop knows of a session is
// asked of the loop.
func (n *Node) UserSessions(ctx context.Context, user string) ([]push.SessionInfo, error) {
	entries := n.hub.UserSessions(nil, user)
	found := make(chan push.SessionInfo, len(entries))
	if err := n.each(ctx, entries, func(s *Session) { found <- n.info(s) }); err != nil {
		return nil, err
	}
	close(found)
	sessions := []push.SessionInfo{}
	for info := range found {
		sessions = append(sessions, info)
	}
	return sessions, nil
}

func (n *Node) onlineUsers(list []hub.OnlineUser) []push.OnlineUser {
	users := make([]push.OnlineUser, len(list))
	for i, u := range list {
		users[i] = push.OnlineUser{User: u.User, Platforms: n.platformNames(u.Platforms)}
	}
	return users
}

func cursorError(err error) error {
	if errors.Is(err, hub.ErrCursor) {
		return codec.Errorf(codec.CodeMalformed, "the cursor is not one that this server gave: begin without one")
	}
	return err
}
