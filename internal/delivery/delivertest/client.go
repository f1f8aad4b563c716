package delivertest

import (
	"slices"
	"testing"
)

// nodeClient is a Client of the fake's.
type nodeClient struct {
	node    *Node
	session string
}

// Client logs in, and is the session as the suites of contracts see it.
func (n *Node) Client(user, platform string) Client {
	c := nodeClient{n, user + "/" + platform}
	n.Login(c.session)
	return c
}

func (c nodeClient) Session() string  { return c.session }
func (c nodeClient) Act(testing.TB)   { c.node.Login(c.session) }
func (c nodeClient) Leave(testing.TB) { c.node.Logout(c.session) }

func (c nodeClient) Got(testing.TB) (payloads []string) {
	for _, p := range c.node.Take(c.session) {
		payloads = append(payloads, string(p.Data))
	}
	return payloads
}

func (c nodeClient) WantClosed(t testing.TB) {
	t.Helper()
	if user, platform := split(c.session); slices.Contains(c.node.Platforms(user), platform) {
		t.Errorf("%s is not closed", c.session)
	}
}
