package protocoltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// Connection follows what one client says and hears. Sent and Received may be called
// by a goroutine each.
type Connection struct {
	checker *Checker
	own     []string

	mu      sync.Mutex
	waiting []request // without a reply so far, in the order in which they were sent
}

type request struct {
	module, action string
	payload        []byte
}

// Connection begins to follow a client. Frames of own modules, which a site adds to
// its server, are not described, and not looked at.
func (c *Checker) Connection(own ...string) *Connection { return &Connection{checker: c, own: own} }

// Sent notes a message of the client's, whatever it is: it is looked at when the
// server grants it.
func (c *Connection) Sent(payload []byte) {
	var r struct{ Module, Action string }
	_ = json.Unmarshal(payload, &r) // what is no request has no names, and waits for its reply too
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, request{r.Module, r.Action, bytes.Clone(payload)})
}

// Received holds a message of the server's to the description, and the request that
// it grants.
func (c *Connection) Received(payload []byte) error {
	var m struct {
		Module, Action string
		Code           *int
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Errorf("%.200q: %w", payload, err)
	}
	if slices.Contains(c.own, m.Module) {
		return nil
	}
	if m.Code == nil {
		return c.checker.Push(m.Module, m.Action, payload)
	}
	r, found := c.answered(m.Module, m.Action)
	if *m.Code != 0 {
		return c.checker.Refusal(payload)
	}
	if err := c.checker.Reply(m.Module, m.Action, payload); err != nil || !found {
		return err
	}
	return c.checker.Request(m.Module, m.Action, r.payload)
}

// Closed holds the code of the server's Close frame to the description.
func (c *Connection) Closed(code int) error { return c.checker.Close(code) }

// answered finds the request of a reply. Replies have the order of requests, so the
// replies to those before it were not read. There may be none: tests write frames by
// hand too, and a login by a token of the handshake is no request.
func (c *Connection) answered(module, action string) (request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range c.waiting {
		if r.module == module && r.action == action || module == "robot" && action == "Error" {
			c.waiting = c.waiting[i+1:]
			return r, true
		}
	}
	return request{}, false
}
