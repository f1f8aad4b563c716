// Package admin calls the server's admin HTTP API: broadcasts, pushes and what
// the Go runtime tells of its heap. Peers offer the same few paths, so that one
// client measures all.
package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client calls one server. Its methods may be called from several goroutines.
type Client struct {
	base string
	key  string
	http *http.Client
}

// New makes a client for the base address, as http://127.0.0.1:8090.
func New(base, key string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("admin address %q: must be http://host:port", base)
	}
	return &Client{base: strings.TrimRight(base, "/"), key: key, http: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// maxReply bounds what is read of a reply; a heap profile in text is the longest.
const maxReply = 64 << 20

func (c *Client) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, bytes.TrimSpace(reply))
	}
	return reply, nil
}

// Push is one message, a JSON object, and who gets it.
type Push struct {
	Everyone bool
	Topic    string
	User     string
	Message  []byte
}

type target struct {
	Everyone bool            `json:"everyone,omitempty"`
	Topics   []string        `json:"topics,omitempty"`
	Users    []string        `json:"users,omitempty"`
	Message  json.RawMessage `json:"message"`
}

func (p Push) target() target {
	t := target{Everyone: p.Everyone, Message: p.Message}
	if p.Topic != "" {
		t.Topics = []string{p.Topic}
	}
	if p.User != "" {
		t.Users = []string{p.User}
	}
	return t
}

// Push delivers the messages in their order, several in one batch. It fails
// when the server takes one of them not.
func (c *Client) Push(ctx context.Context, pushes []Push) error {
	if len(pushes) == 1 {
		_, err := c.PushOne(ctx, pushes[0])
		return err
	}
	body := struct {
		Items []target `json:"items"`
	}{}
	for _, p := range pushes {
		body.Items = append(body.Items, p.target())
	}
	var reply struct {
		Results []struct {
			Error json.RawMessage `json:"error"`
		} `json:"results"`
	}
	if err := c.post(ctx, "/api/batch", body, &reply); err != nil {
		return err
	}
	for i, r := range reply.Results {
		if len(r.Error) > 0 {
			return fmt.Errorf("batch, item %d: %s", i, r.Error)
		}
	}
	if len(reply.Results) != len(pushes) {
		return fmt.Errorf("batch: %d results for %d items", len(reply.Results), len(pushes))
	}
	return nil
}

// PushOne delivers one message. sessions is how many the server says it queued
// it for.
func (c *Client) PushOne(ctx context.Context, p Push) (sessions int, err error) {
	path, t := "/api/push", p.target()
	if t.Everyone {
		path, t.Everyone = "/api/broadcast", false // the path says already that it is everyone
	}
	var reply struct {
		Sessions int `json:"sessions"`
	}
	err = c.post(ctx, path, t, &reply)
	return reply.Sessions, err
}

// Ready fails as long as the server is not ready.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.call(ctx, http.MethodGet, "/readyz", nil)
	return err
}

// Online is who the server says is there.
type Online struct {
	Connections int64 `json:"connections"`
	Sessions    int64 `json:"sessions"`
	Users       int64 `json:"users"`
}

// Online asks who is there.
func (c *Client) Online(ctx context.Context) (Online, error) {
	b, err := c.call(ctx, http.MethodGet, "/api/online", nil)
	if err != nil {
		return Online{}, err
	}
	var o Online
	if err := json.Unmarshal(b, &o); err != nil {
		return Online{}, fmt.Errorf("/api/online: reply: %w", err)
	}
	return o, nil
}

// post sends body as JSON and decodes the reply into into.
func (c *Client) post(ctx context.Context, path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode push: %w", err)
	}
	if b, err = c.call(ctx, http.MethodPost, path, b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: reply: %w", path, err)
	}
	return nil
}

// BareBroadcast sends payloads, which hold no line feed, as they are to every
// connection of a peer.
func (c *Client) BareBroadcast(ctx context.Context, payloads [][]byte) error {
	_, err := c.call(ctx, http.MethodPost, "/broadcast", bytes.Join(payloads, []byte("\n")))
	return err
}

// Heap is what the Go runtime of the server says of its memory.
type Heap struct {
	Objects    int64 // live
	InUse      int64 // bytes of spans in use
	StackInUse int64
	Mallocs    int64 // objects allocated so far
}

// Heap asks for the figures; collect forces a collection first. They come with
// the text form of the heap profile, so that no other path is needed.
func (c *Client) Heap(ctx context.Context, collect bool) (Heap, error) {
	path := "/debug/pprof/heap?debug=1"
	if collect {
		path += "&gc=1"
	}
	b, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return Heap{}, err
	}
	return parseHeap(b)
}

func parseHeap(profile []byte) (Heap, error) {
	var h Heap
	found := 0
	lines := bufio.NewScanner(bytes.NewReader(profile))
	lines.Buffer(nil, maxReply)
	for lines.Scan() {
		name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "# "), " = ")
		if !ok {
			continue
		}
		var into *int64
		switch name {
		case "HeapObjects":
			into = &h.Objects
		case "HeapInuse":
			into = &h.InUse
		case "Stack":
			into = &h.StackInUse
			value, _, _ = strings.Cut(value, " / ")
		case "Mallocs":
			into = &h.Mallocs
		default:
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return h, fmt.Errorf("heap profile: %s: %w", name, err)
		}
		*into = n
		found++
	}
	if err := lines.Err(); err != nil {
		return h, fmt.Errorf("heap profile: %w", err)
	}
	if found != 4 {
		return h, fmt.Errorf("heap profile: %d of 4 figures found", found)
	}
	return h, nil
}
