package api_test

import (
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/chat"
	"pushd/internal/chat/chattest"
	"pushd/internal/codec"
)

// names takes a token for the user's id, as in open mode.
type names struct{}

// Verify implements api.Users.
func (names) Verify(token string) (account.Claims, error) {
	if token == "wrong" {
		return account.Claims{}, codec.Errorf(codec.CodeUnauthorized, "the token is not good")
	}
	return account.Claims{User: token}, nil
}

// TestChatOverHTTP goes through every path of conversations and messages, as
// public_chat.yaml has it.
func TestChatOverHTTP(t *testing.T) {
	store := chattest.NewStore()
	services := api.Services{Chat: chat.New(chatPorts(store), chat.Options{})}
	addr, client := newPublic(t, api.PublicOptions{Services: services, Users: names{}})
	f := &fixture{t: t, addr: addr, client: client}
	if _, err := store.CreateGroup(t.Context(), chat.GroupInfo{ID: "team", Owner: "alice", Limit: 10}, []string{"bob"}, 0, 0); err != nil {
		t.Fatal(err)
	}
	const conv = "/api/v1/conversations/s:alice:bob"
	cases := []described{
		{name: "send", method: "POST", path: "/api/v1/messages", key: "alice", status: 200, says: `"conv":"s:alice:bob","seq":1`, body: `{"to":"user:bob","type":"text","text":"hi","client_id":"c"}`},
		{name: "send again", method: "POST", path: "/api/v1/messages", key: "alice", status: 200, says: `"duplicate":true`, body: `{"to":"user:bob","type":"text","text":"hi","client_id":"c"}`},
		{name: "send a file", method: "POST", path: conv + "/messages", key: "bob", status: 200, says: `"seq":2`, body: `{"type":"file","url":"/files/a.pdf","name":"a.pdf","size":1,"mention":["alice"],"ttl":60}`},
		{name: "send twice named", method: "POST", path: conv + "/messages", key: "bob", malformed: true, status: 400, says: "conv is in the path", body: `{"conv":"b:all","type":"text","text":"x"}`},
		{name: "send to no member", method: "POST", path: "/api/v1/messages", key: "eve", status: 403, says: "not a member", body: `{"to":"group:team","type":"text","text":"x"}`},
		{name: "send a typo", method: "POST", path: "/api/v1/messages", key: "alice", malformed: true, status: 400, says: "did you mean", body: `{"to":"user:bob","type":"text","txt":"x"}`},
		{name: "send as nobody", method: "POST", path: "/api/v1/messages", malformed: true, status: 401, says: "token", body: `{"to":"user:bob","type":"text","text":"x"}`},
		{name: "send with a wrong token", method: "POST", path: "/api/v1/messages", key: "wrong", status: 401, says: "token", body: `{"to":"user:bob","type":"text","text":"x"}`},
		{name: "history", method: "GET", path: conv + "/messages?limit=1", key: "alice", status: 200, says: `"more":true`},
		{name: "history from the start", method: "GET", path: conv + "/messages?after=0", key: "alice", status: 200, says: `"client_id":"c"`},
		{name: "history of others", method: "GET", path: conv + "/messages", key: "eve", status: 403, says: "not a conversation of yours"},
		{name: "history of nothing", method: "GET", path: "/api/v1/conversations/x/messages", key: "eve", status: 400, says: "not a conversation"},
		{name: "delivered", method: "POST", path: conv + "/delivered", key: "bob", status: 200, says: `"seq":1`, body: `{"seq":1}`},
		{name: "read", method: "POST", path: conv + "/read", key: "bob", status: 200, says: `"seq":2`, body: `{"seq":99}`},
		{name: "read what", method: "POST", path: conv + "/read", key: "bob", malformed: true, status: 400, says: "seq is missing", body: `{}`},
		{name: "typing", method: "POST", path: conv + "/typing", key: "bob", status: 204},
		{name: "readers", method: "GET", path: conv + "/readers?seq=2&read=false", key: "alice", status: 200, says: `"users":["alice"],"total":1`},
		{name: "conversations", method: "GET", path: "/api/v1/conversations", key: "alice", status: 200, says: `"peer_read":2`},
		{name: "react", method: "POST", path: "/api/v1/messages/{sent}/reactions", key: "bob", status: 200, says: `"count":1`, body: `{"sign":"👍"}`},
		{name: "edit", method: "PATCH", path: "/api/v1/messages/{sent}", key: "alice", status: 200, says: `"text":"hello"`, body: `{"type":"text","text":"hello"}`},
		{name: "edit another's", method: "PATCH", path: "/api/v1/messages/{sent}", key: "bob", status: 403, says: "only its sender", body: `{"type":"text","text":"hello"}`},
		{name: "versions", method: "GET", path: "/api/v1/messages/{sent}/versions", key: "bob", status: 200, says: `"text":"hi"`},
		{name: "search", method: "GET", path: "/api/v1/search?q=hello&conv=s:alice:bob", key: "bob", status: 200, says: `"text":"hello"`},
		{name: "sync", method: "POST", path: "/api/v1/sync", key: "bob", status: 200, says: `"whole":true`, body: `{"cursors":{"s:alice:bob":{"seq":1}},"limit":10}`},
		{name: "sync, bad", method: "POST", path: "/api/v1/sync", key: "bob", status: 400, says: "not a conversation", body: `{"cursors":{"x":{"seq":1}}}`},
		{name: "recall", method: "DELETE", path: "/api/v1/messages/{sent}", key: "alice", status: 200, says: `"by":"alice"`},
		{name: "recall again", method: "DELETE", path: "/api/v1/messages/{sent}", key: "alice", status: 409, says: "recalled"},
		{name: "delete", method: "POST", path: conv + "/messages/delete", key: "bob", status: 204, body: `{"seqs":[1,2]}`},
		{name: "hide", method: "DELETE", path: conv, key: "bob", status: 204},
	}
	v := newValidator(t, api.PublicOpenAPI)
	answered := map[string]bool{}
	sent := ""
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp := v.exchange(t, f, f.request(c.method, strings.ReplaceAll(c.path, "{sent}", sent), c.key, c.body), c.malformed)
			wantReply(t, resp, c.status, c.says)
			if c.name == "send" {
				sent = replyField(t, resp, "id")
			}
			if resp.StatusCode < 300 {
				answered[v.last] = true
			}
		})
	}
	for _, r := range api.ChatRoutes(services) {
		if !answered[r] {
			t.Errorf("no case succeeds at %s", r)
		}
	}
}
