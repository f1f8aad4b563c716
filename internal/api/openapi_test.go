package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/bot"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/offline"
)

func document(t *testing.T, description []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestEveryRouteIsDescribedAndEveryDescriptionIsRouted(t *testing.T) {
	compareRoutes(t, api.AdminOpenAPI, newAdmin(t).admin.Routes())
}

func TestEveryPublicRouteIsDescribedAndEveryDescriptionIsRouted(t *testing.T) {
	compareRoutes(t, api.PublicOpenAPI, api.UserRoutes(api.Services{
		Account: &account.Service{},
		Chat:    chat.New(chat.Ports{}, chat.Options{}),
		Files:   newFiles(t).service,
		Offline: &offline.Service{},
		Bots:    &bot.Bots{},
	}))
}

func compareRoutes(t *testing.T, description []byte, routes []api.Route) {
	t.Helper()
	doc := document(t, description)
	var described, routed []string
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			open := o.Security != nil && len(*o.Security) == 0
			described = append(described, line(method, path, open))
			for status, r := range o.Responses.Map() {
				if r.Value.Headers["X-Request-Id"] == nil {
					t.Errorf("%s %s: reply %s doesn't promise X-Request-Id", method, path, status)
				}
			}
		}
	}
	for _, r := range routes {
		routed = append(routed, line(r.Method, r.Path, r.Open))
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("described:\n%s\nrouted:\n%s", strings.Join(described, "\n"), strings.Join(routed, "\n"))
	}
}

func line(method, path string, open bool) string {
	if open {
		path += " (open)"
	}
	return method + " " + path
}

// described is one exchange that must go as openapi.yaml has it.
type described struct {
	name, method, path, key, body string
	contentType                   string // application/json for a body if ""
	malformed                     bool   // the validator itself finds the request wrong
	status                        int
	says                          string // part of the reply's body
}

func TestRequestsAndRepliesAreAsDescribed(t *testing.T) {
	huge := `{"users":["alice"],"message":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`
	fat := `{"users":["alice"],"message":{"x":"` + strings.Repeat("x", 65<<10) + `"}}`
	f := newAdmin(t)
	f.node.meet(t)
	someFile := f.files.upload(t, "alice", "a.txt", "some text").ID
	cases := []described{
		{
			name: "push", method: "POST", path: "/api/push", key: pushKey, status: 200, says: `"offline":["bob"]`,
			body: `{"users":["alice","bob"],"groups":["g"],"topics":["news"],"sessions":["alice/web"],"platforms":["web","3",1],"message":{"text":"hi"},"durable":false,"ttl":30,"idempotency_key":"k1"}`,
		},
		{name: "push again", method: "POST", path: "/api/push", key: pushKey, status: 200, body: `{"users":["alice"],"message":{},"idempotency_key":"k2"}`},
		{name: "push conflict", method: "POST", path: "/api/push", key: pushKey, status: 409, says: "idempotency_key", body: `{"users":["bob"],"message":{},"idempotency_key":"k2"}`},
		{name: "push to nobody", method: "POST", path: "/api/push", key: pushKey, status: 400, says: "nobody", body: `{"message":{}}`},
		{name: "push without message", method: "POST", path: "/api/push", key: pushKey, malformed: true, status: 400, says: "message is missing", body: `{"users":["alice"]}`},
		{name: "push with a typo", method: "POST", path: "/api/push", key: pushKey, malformed: true, status: 400, says: `unknown key \"user\"; did you mean \"users\"?`, body: `{"user":["alice"],"message":{}}`},
		{name: "push of a wrong type", method: "POST", path: "/api/push", key: pushKey, malformed: true, status: 400, says: "users must be an array", body: `{"users":"alice","message":{}}`},
		{name: "push durable", method: "POST", path: "/api/push", key: pushKey, status: 400, says: "store", body: `{"users":["alice"],"message":{},"durable":true}`},
		{name: "push broken JSON", method: "POST", path: "/api/push", key: pushKey, malformed: true, status: 400, body: `{"users":`},
		{name: "push array", method: "POST", path: "/api/push", key: pushKey, malformed: true, status: 400, says: "not a JSON object", body: `[]`},
		{name: "push bad UTF-8", method: "POST", path: "/api/push", key: pushKey, status: 400, body: "{\"users\":[\"alice\"],\"message\":{\"a\":\"\xff\"}}"},
		{name: "push trailing bytes", method: "POST", path: "/api/push", key: pushKey, status: 400, body: `{"users":["alice"],"message":{}}{}`},
		{name: "push empty body", method: "POST", path: "/api/push", key: pushKey, malformed: true, status: 400, says: "empty", body: " "},
		{name: "push without a key", method: "POST", path: "/api/push", malformed: true, status: 401, body: `{"users":["alice"],"message":{}}`},
		{name: "push with a wrong key", method: "POST", path: "/api/push", key: "wrong", status: 401, body: `{"users":["alice"],"message":{}}`},
		{name: "push with another scope", method: "POST", path: "/api/push", key: readKey, status: 403, says: "push", body: `{"users":["alice"],"message":{}}`},
		{name: "push form", method: "POST", path: "/api/push", key: pushKey, contentType: "application/x-www-form-urlencoded", malformed: true, status: 415, says: "application/json", body: "users=alice"},
		{name: "push latin1", method: "POST", path: "/api/push", key: pushKey, contentType: "application/json; charset=latin1", status: 415, body: `{"users":["alice"],"message":{}}`},
		{name: "push utf-8", method: "POST", path: "/api/push", key: pushKey, contentType: "application/json; charset=UTF-8", status: 200, body: `{"users":["alice"],"message":{}}`},
		{name: "push a long message", method: "POST", path: "/api/push", key: pushKey, status: 413, says: "message is at most", body: fat},
		{name: "push a huge body", method: "POST", path: "/api/push", key: pushKey, status: 413, says: "1048576", body: huge},
		{name: "push over a bound", method: "POST", path: "/api/push", key: pushKey, status: 429, says: `"temporary":true`, body: `{"users":["busy"],"message":{}}`},
		{name: "push on a full loop", method: "POST", path: "/api/push", key: pushKey, status: 503, says: `"temporary":true`, body: `{"users":["full"],"message":{}}`},
		{name: "push into a fault", method: "POST", path: "/api/push", key: pushKey, status: 500, says: `"internal error"`, body: `{"users":["fault"],"message":{}}`},
		{name: "push into a panic", method: "POST", path: "/api/push", key: pushKey, status: 500, says: `"internal error"`, body: `{"users":["panic"],"message":{}}`},

		{name: "broadcast", method: "POST", path: "/api/broadcast", key: pushKey, status: 200, says: `"id":"`, body: `{"platforms":["web"],"message":{"text":"hi"}}`},
		{name: "broadcast to users", method: "POST", path: "/api/broadcast", key: pushKey, malformed: true, status: 400, says: `unknown key \"users\"`, body: `{"users":["alice"],"message":{}}`},
		{name: "broadcast with another scope", method: "POST", path: "/api/broadcast", key: readKey, status: 403, body: `{"message":{}}`},

		{name: "batch", method: "POST", path: "/api/batch", key: pushKey, status: 200, says: `{"error":{"code":400`, body: `{"items":[{"users":["alice"],"message":{}},{"everyone":true,"message":{}},{"message":{}}]}`},
		{name: "batch with a typo", method: "POST", path: "/api/batch", key: pushKey, malformed: true, status: 400, says: `items[1].mesage\"; did you mean \"message\"?`, body: `{"items":[{"users":["alice"],"message":{}},{"everyone":true,"mesage":{}}]}`},
		{name: "batch of none", method: "POST", path: "/api/batch", key: pushKey, malformed: true, status: 400, says: "items is empty", body: `{"items":[]}`},
		{name: "batch of too many", method: "POST", path: "/api/batch", key: pushKey, malformed: true, status: 413, says: "1000", body: `{"items":[{"message":{}}` + strings.Repeat(`,{"message":{}}`, 1000) + `]}`},

		{name: "online", method: "GET", path: "/api/online", key: readKey, status: 200, says: `{"connections":5,"sessions":5,"users":3,"platforms":{"ios":3,"web":2}`},
		{name: "online with a parameter", method: "GET", path: "/api/online?x=1", key: readKey, status: 400, says: `unknown parameter \"x\"`},
		{name: "online with another scope", method: "GET", path: "/api/online", key: pushKey, status: 403},
		{name: "online users", method: "GET", path: "/api/online/users?limit=1", key: readKey, status: 200, says: `"next_cursor":"616c696365"`},
		{name: "online users page", method: "GET", path: "/api/online/users?platform=ios&limit=10&cursor=616c696365", key: readKey, status: 200, says: `{"users":[{"user":"carol","platforms":["ios"]},{"user":"dave","platforms":["web","ios"]}]}`},
		{name: "online users limit", method: "GET", path: "/api/online/users?limit=-99999", key: readKey, status: 200},
		{name: "online users bad limit", method: "GET", path: "/api/online/users?limit=ten", key: readKey, malformed: true, status: 400, says: "limit"},
		{name: "online users bad cursor", method: "GET", path: "/api/online/users?cursor=bad", key: readKey, status: 400, says: "cursor"},
		{name: "online users bad platform", method: "GET", path: "/api/online/users?platform=toaster", key: readKey, status: 400, says: "platform"},
		{name: "online users typo", method: "GET", path: "/api/online/users?limt=1", key: readKey, status: 400, says: `did you mean \"limit\"`},
		{name: "online users twice", method: "GET", path: "/api/online/users?cursor=1&cursor=2", key: readKey, status: 400, says: "twice"},
		{name: "online user", method: "GET", path: "/api/online/users/alice", key: readKey, status: 200, says: `"session":"alice/web"`},
		{name: "online user, away", method: "GET", path: "/api/online/users/bob", key: readKey, status: 404, says: "bob is not online"},
		{name: "online user, escaped", method: "GET", path: "/api/online/users/a%2Fb", key: readKey, status: 404, says: "a/b is not online"},
		{name: "online user, bad", method: "GET", path: "/api/online/users/a%20b", key: readKey, status: 400, says: "user id"},
		{name: "check", method: "POST", path: "/api/online/check", key: readKey, status: 200, says: `"online":[{"user":"alice"`, body: `{"users":["alice","bob"]}`},
		{name: "check none", method: "POST", path: "/api/online/check", key: readKey, malformed: true, status: 400, body: `{"users":[]}`},
		{name: "check too many", method: "POST", path: "/api/online/check", key: readKey, malformed: true, status: 413, body: `{"users":["a"` + strings.Repeat(`,"a"`, 10_000) + `]}`},

		{name: "kick", method: "POST", path: "/api/kick", key: adminKey, status: 200, says: `{"closed":1}`, body: `{"user":"dave","platform":1,"reason":"bye"}`},
		{name: "kick a session", method: "POST", path: "/api/kick", key: adminKey, status: 200, says: `{"closed":1}`, body: `{"session":"dave/ios"}`},
		{name: "kick nobody", method: "POST", path: "/api/kick", key: adminKey, status: 400, says: "nobody", body: `{}`},
		{name: "kick with another scope", method: "POST", path: "/api/kick", key: pushKey, status: 403, body: `{"user":"alice"}`},

		{name: "group from online", method: "POST", path: "/api/groups/from-online", key: adminKey, status: 200, says: `{"group":"launch","size":2}`, body: `{"group":"launch"}`},
		{name: "group put", method: "PUT", path: "/api/groups/team", key: adminKey, status: 200, says: `{"group":"team","size":2}`, body: `{"users":["bob","alice","bob"]}`},
		{name: "group put too many", method: "PUT", path: "/api/groups/one-too-many", key: adminKey, status: 429, body: `{"users":[]}`},
		{name: "group put bad", method: "PUT", path: "/api/groups/$x", key: adminKey, status: 400, says: "$", body: `{"users":[]}`},
		{name: "group put no users", method: "PUT", path: "/api/groups/x", key: adminKey, malformed: true, status: 400, says: "users is missing", body: `{}`},
		{name: "group get", method: "GET", path: "/api/groups/team", key: adminKey, status: 200, says: `"users":["alice","bob"]`},
		{name: "group get none", method: "GET", path: "/api/groups/none", key: adminKey, status: 404, says: "no group none"},
		{name: "group with another scope", method: "GET", path: "/api/groups/team", key: readKey, status: 403},
		{name: "group delete", method: "DELETE", path: "/api/groups/team", key: adminKey, status: 204},
		{name: "group delete again", method: "DELETE", path: "/api/groups/team", key: adminKey, status: 404},

		{name: "send as", method: "POST", path: "/api/messages", key: pushKey, status: 200, says: `"conv":"s:alice:bob","seq":1`, body: `{"from":"alice","to":"user:bob","type":"text","text":"hi","client_id":"c","mention":["bob"],"ttl":60,"one_device":true}`},
		{name: "send as again", method: "POST", path: "/api/messages", key: pushKey, status: 200, says: `"duplicate":true`, body: `{"from":"alice","to":"user:bob","type":"text","text":"hi","client_id":"c"}`},
		{name: "send a notice", method: "POST", path: "/api/messages", key: pushKey, status: 200, says: `"conv":"n:bob"`, body: `{"to":"notice:bob","type":"notice","data":{"n":1}}`},
		{name: "send to all", method: "POST", path: "/api/messages", key: pushKey, status: 200, says: `"conv":"b:all"`, body: `{"to":"all","type":"custom","data":{"n":1}}`},
		{name: "send as, conflict", method: "POST", path: "/api/messages", key: pushKey, status: 409, says: "client_id", body: `{"from":"alice","to":"user:cyd","type":"text","text":"hi","client_id":"c"}`},
		{name: "send as, typo", method: "POST", path: "/api/messages", key: pushKey, malformed: true, status: 400, says: `did you mean \"text\"`, body: `{"to":"all","type":"text","txt":"hi"}`},
		{name: "send as, no type", method: "POST", path: "/api/messages", key: pushKey, malformed: true, status: 400, says: "type is missing", body: `{"to":"all"}`},
		{name: "send to no group", method: "POST", path: "/api/messages", key: pushKey, status: 404, says: "no such group", body: `{"to":"group:none","type":"text","text":"hi"}`},
		{name: "send as, too long", method: "POST", path: "/api/messages", key: pushKey, status: 413, says: "text is at most", body: `{"to":"all","type":"text","text":"` + strings.Repeat("x", 17<<10) + `"}`},
		{name: "send as with another scope", method: "POST", path: "/api/messages", key: readKey, status: 403, says: "push", body: `{"to":"all","type":"text","text":"hi"}`},
		{name: "history", method: "GET", path: "/api/conversations/s:alice:bob/messages?limit=10&after=0", key: adminKey, status: 200, says: `"text":"hi"`},
		{name: "history of nothing", method: "GET", path: "/api/conversations/s:x:y/messages", key: adminKey, status: 200, says: `{"messages":[],"more":false}`},
		{name: "history, bad", method: "GET", path: "/api/conversations/x/messages", key: adminKey, status: 400, says: "not a conversation"},
		{name: "history, bad seq", method: "GET", path: "/api/conversations/b:all/messages?before=-1", key: adminKey, malformed: true, status: 400, says: "before must be"},
		{name: "history with another scope", method: "GET", path: "/api/conversations/b:all/messages", key: pushKey, status: 403, says: "admin"},
		{name: "conversations", method: "GET", path: "/api/users/bob/conversations?limit=1", key: adminKey, status: 200, says: `"next_cursor":"1"`},
		{name: "conversations, bad cursor", method: "GET", path: "/api/users/bob/conversations?cursor=x", key: adminKey, status: 400, says: "cursor"},
		{name: "conversations with another scope", method: "GET", path: "/api/users/bob/conversations", key: readKey, status: 403, says: "admin"},
		{name: "recall", method: "DELETE", path: "/api/messages/{sent}", key: adminKey, status: 200, says: `"rev":1`},
		{name: "recall again", method: "DELETE", path: "/api/messages/{sent}", key: adminKey, status: 409, says: "recalled"},
		{name: "recall nothing", method: "DELETE", path: "/api/messages/none", key: adminKey, status: 404, says: "no such message"},
		{name: "recall with another scope", method: "DELETE", path: "/api/messages/none", key: pushKey, status: 403, says: "admin"},
		{name: "topics", method: "GET", path: "/api/topics?limit=1", key: readKey, status: 200, says: `{"topics":[{"topic":"a/b","subscribers":2}],"next_cursor":"a/b"}`},
		{name: "topics bad limit", method: "GET", path: "/api/topics?limit=x", key: readKey, malformed: true, status: 400, says: "limit must be an integer"},
		{name: "topics bad cursor", method: "GET", path: "/api/topics?cursor=$x", key: readKey, status: 400, says: "cursor"},
		{name: "topics with another scope", method: "GET", path: "/api/topics", key: pushKey, status: 403},
		{name: "topic", method: "GET", path: "/api/topics/room", key: readKey, status: 200, says: `{"topic":"room","subscribers":2,"offset":2,"epoch":"e1","first":1}`},
		{name: "topic, nobody", method: "GET", path: "/api/topics/none", key: readKey, status: 404, says: "nobody is in topic none"},
		{name: "topic, the server's own", method: "GET", path: "/api/topics/$presence", key: readKey, status: 400, says: "$"},
		{name: "topic users", method: "GET", path: "/api/topics/a%2Fb/users?limit=1", key: readKey, status: 200, says: `"next_cursor":"alice"`},
		{name: "topic users, next page", method: "GET", path: "/api/topics/room/users?cursor=alice", key: adminKey, status: 200, says: `"users":[{"user":"carol"`},
		{name: "topic users bad cursor", method: "GET", path: "/api/topics/room/users?cursor=a%20b", key: readKey, status: 400, says: "cursor"},
		{name: "topic history", method: "GET", path: "/api/topics/room/history?after=1&limit=5", key: readKey, status: 200, says: `"messages":[{"Module":"push","Action":"Message","Data":{},"Topic":"room","Offset":2,"Epoch":"e1"}],"more":false`},
		{name: "topic history, none", method: "GET", path: "/api/topics/news/history", key: readKey, status: 404, says: "topics.history"},
		{name: "topic history bad offset", method: "GET", path: "/api/topics/room/history?after=-1", key: readKey, malformed: true, status: 400, says: "after must be a number that is not negative"},
		{name: "push to a topic with a history", method: "POST", path: "/api/push", key: pushKey, status: 200, says: `"topics":[{"topic":"room","offset":3,"epoch":"e1"}]`, body: `{"topics":["room"],"message":{}}`},
		{name: "file", method: "GET", path: "/api/files/" + someFile, key: adminKey, status: 200, says: `"owner":"alice"`},
		{name: "file with another scope", method: "GET", path: "/api/files/" + someFile, key: readKey, status: 403, says: "admin"},
		{name: "file unknown", method: "GET", path: "/api/files/x", key: adminKey, status: 404, says: "no file"},
		{name: "file delete with another scope", method: "DELETE", path: "/api/files/" + someFile, key: pushKey, status: 403, says: "admin"},
		{name: "file delete", method: "DELETE", path: "/api/files/" + someFile, key: adminKey, status: 204},
		{name: "file delete again", method: "DELETE", path: "/api/files/" + someFile, key: adminKey, status: 404},

		{name: "health", method: "GET", path: "/healthz", status: 200, says: `{"status":"ok"}`},
		{name: "ready", method: "GET", path: "/readyz", status: 200, says: `{"status":"ready"}`},
		{name: "check", method: "GET", path: "/debug/check", key: adminKey, status: 200, says: `{"consistent":true,"quiet":true}`},
		{name: "check with another scope", method: "GET", path: "/debug/check", key: readKey, status: 403},
		{name: "version", method: "GET", path: "/version", status: 200, says: `"version":"v0.0.0-test"`},
		{name: "metrics", method: "GET", path: "/metrics", key: readKey, status: 200, says: "pushd_build_info"},
		{name: "metrics with another scope", method: "GET", path: "/metrics", key: pushKey, status: 403},
		{name: "metrics without a key", method: "GET", path: "/metrics", malformed: true, status: 401},
		{name: "description", method: "GET", path: "/openapi.yaml", key: pushKey, status: 200, says: "openapi: 3.0.3"},
		{name: "description of the client protocol", method: "GET", path: "/asyncapi.yaml", key: readKey, status: 200, says: "asyncapi: 3.0.0"},
		{name: "docs", method: "GET", path: "/docs", key: pushKey, status: 200, says: "/api/broadcast"},
		{name: "docs without a key", method: "GET", path: "/docs", malformed: true, status: 401},
		{name: "profiles", method: "GET", path: "/debug/pprof/", key: adminKey, status: 200, says: "heap"},
		{name: "profiles with another scope", method: "GET", path: "/debug/pprof/", key: readKey, status: 403},
		{name: "heap", method: "GET", path: "/debug/pprof/heap?debug=1", key: adminKey, status: 200, says: "heap profile"},
		{name: "goroutines", method: "GET", path: "/debug/pprof/goroutine", key: adminKey, status: 200},
		{name: "no such profile", method: "GET", path: "/debug/pprof/none", key: adminKey, status: 404},
		{name: "command line", method: "GET", path: "/debug/pprof/cmdline", key: adminKey, status: 404},
		{name: "cpu", method: "GET", path: "/debug/pprof/profile?seconds=1", key: adminKey, status: 200},
		{name: "cpu too long", method: "GET", path: "/debug/pprof/profile?seconds=3600", key: adminKey, malformed: true, status: 400, says: "from 1 to 60"},
		{name: "delta too long", method: "GET", path: "/debug/pprof/heap?seconds=3600", key: adminKey, malformed: true, status: 400, says: "from 1 to 60"},
		{name: "trace", method: "GET", path: "/debug/pprof/trace?seconds=1", key: adminKey, status: 200},
		{name: "symbol", method: "GET", path: "/debug/pprof/symbol?0x1", key: adminKey, status: 200, says: "num_symbols"},
	}

	fake := newNode()
	f.node.Instead = func(ctx context.Context, to delivery.Target) (delivery.Receipt, error) {
		if len(to.Users) > 0 {
			switch to.Users[0] {
			case "busy":
				return delivery.Receipt{}, codec.Errorf(codec.CodeTooMany, "too many pushes")
			case "full":
				return delivery.Receipt{}, codec.Errorf(codec.CodeUnavailable, "an event loop is full")
			case "fault":
				return delivery.Receipt{}, errors.New("internal detail")
			case "panic":
				panic("boom")
			}
		}
		return fake.Deliver(ctx, to, codec.NewFrame([]byte("{}")))
	}
	v := newValidator(t, api.AdminOpenAPI)
	sent := ""
	answered := map[string]bool{}
	for _, c := range append(cases, accountCases()...) {
		t.Run(c.name, func(t *testing.T) {
			req := f.request(c.method, strings.ReplaceAll(c.path, "{sent}", sent), c.key, c.body)
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			resp := v.exchange(t, f, req, c.malformed)
			wantReply(t, resp, c.status, c.says)
			if c.name == "send as" {
				sent = replyField(t, resp, "id")
			}
			if resp.StatusCode < 300 {
				answered[v.last] = true
			}
		})
	}
	f.setReady(errors.New("still starting"))
	resp := v.exchange(t, f, f.request("GET", "/readyz", "", ""), false)
	wantReply(t, resp, 503, "still starting")
	elsewhere := api.GroupAdminRoutes(api.Services{Chat: f.chat}) // see TestGroupsOverAdminHTTP
	for _, r := range f.admin.Routes() {
		if !answered[r.Method+" "+r.Path] && !slices.Contains(elsewhere, r.Method+" "+r.Path) {
			t.Errorf("no case succeeds at %s %s", r.Method, r.Path)
		}
	}
	if strings.Contains(f.log.String(), "-secret-") || strings.Contains(f.log.String(), "horse") {
		t.Error("an API key or a password is in the log")
	}
	if !strings.Contains(f.log.String(), "internal detail") {
		t.Error("the cause of a fault is not in the log")
	}
}

// replyField is a string in a reply.
func replyField(t *testing.T, resp response, name string) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(resp.body), &object); err != nil {
		t.Fatal(err)
	}
	text, ok := object[name].(string)
	if !ok {
		t.Fatalf("no %s in %s", name, resp.body)
	}
	return text
}

// validator holds exchanges against the description.
type validator struct {
	router routers.Router
	last   string // the route of the last exchange
}

func newValidator(t *testing.T, description []byte) *validator {
	t.Helper()
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/openmetrics-text", openapi3filter.PlainBodyDecoder)
	router, err := legacy.NewRouter(document(t, description))
	if err != nil {
		t.Fatal(err)
	}
	return &validator{router: router}
}

func (v *validator) exchange(t *testing.T, f *fixture, req *http.Request, malformed bool) response {
	t.Helper()
	relative := req.Clone(t.Context())
	relative.URL.Scheme, relative.URL.Host = "", ""
	route, params, err := v.router.FindRoute(relative)
	if err != nil {
		t.Fatalf("%s %s is not described: %v", req.Method, req.URL, err)
	}
	v.last = route.Method + " " + route.Path
	var body []byte
	if req.Body != nil {
		if body, err = io.ReadAll(req.Body); err != nil {
			t.Fatal(err)
		}
		req.Body, relative.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	}
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, MultiError: true,
		AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
			if !strings.HasPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
				return errors.New("no bearer token")
			}
			return nil
		},
	}
	in := &openapi3filter.RequestValidationInput{Request: relative, PathParams: params, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(t.Context(), in); (err != nil) != malformed {
		t.Errorf("the request is malformed as described: %v, want %v", err, malformed)
	}
	resp := f.do(req)
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: options}
	out.SetBodyBytes([]byte(resp.body))
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("reply %d %v %.200s is not as described: %v", resp.StatusCode, resp.Header, resp.body, err)
	}
	return resp
}
