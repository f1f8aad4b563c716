package node

import (
	"context"
	"sync/atomic"

	"pushd/internal/account"
	"pushd/internal/delivery"
	"pushd/internal/hub"
	"pushd/internal/poller"
)

// Close codes of the client protocol. 4000 to 4099 are final: a client doesn't
// come back by itself. After 4100 to 4199 it reconnects with growing delay.
const (
	CloseRestart      = 1012
	CloseBadToken     = 4001
	CloseTokenExpired = 4002
	CloseReplaced     = 4003
	CloseKicked       = 4004
	CloseLoginTimeout = 4005
	CloseErrors       = 4006
	CloseNoHeartbeat  = 4102
	CloseRateLimited  = 4103
)

// Reasons for which connections are closed through the node; the doors and the
// poller have more.
const (
	ReasonReplaced     poller.Reason = "replaced"
	ReasonKicked       poller.Reason = "kicked"
	ReasonTokenRevoked poller.Reason = "token_revoked"
)

// ending is what a cause comes to on a connection.
type ending struct {
	code   int
	text   string
	reason poller.Reason
}

func endingOf(c delivery.Cause) ending {
	switch c {
	case delivery.CauseReplaced:
		return ending{CloseReplaced, "logged in elsewhere", ReasonReplaced}
	case delivery.CauseTokenRevoked:
		return ending{CloseTokenExpired, "the token was revoked", ReasonTokenRevoked}
	case delivery.CauseAccountClosed:
		return ending{CloseKicked, "the account is closed", ReasonKicked}
	}
	return ending{CloseKicked, "kicked", ReasonKicked}
}

// Close implements delivery.Closer.
func (n *Node) Close(ctx context.Context, of delivery.Sessions, cause delivery.Cause, text string) (int, error) {
	entries, err := n.entries(of)
	if err != nil {
		return 0, err
	}
	e := endingOf(cause)
	if text != "" {
		e.text = text
	}
	var closed atomic.Int64
	err = n.each(ctx, entries, func(s *Session) {
		if of.Login == nil || account.Admits(of.Login, s.Grant(), s.since()) {
			s.Close(e.code, e.text, e.reason)
			closed.Add(1)
		}
	})
	return int(closed.Load()), err
}

// entries are the sessions that are meant, but for what only their loops know.
func (n *Node) entries(of delivery.Sessions) ([]hub.Entry, error) {
	if of.Session != "" {
		id, err := sessionID(of.Session)
		if err != nil {
			return nil, err
		}
		if e, ok := n.hub.Lookup(id); ok {
			return []hub.Entry{e}, nil
		}
		return nil, nil
	}
	mask, err := n.platformMask(of.Platforms)
	if err != nil {
		return nil, err
	}
	filter := hub.Filter{Platforms: mask}
	var entries []hub.Entry
	for _, e := range n.hub.UserSessions(nil, of.User) {
		if filter.Admits(e.Platform) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}
