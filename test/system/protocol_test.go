package system

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pushd/internal/protocol/protocoltest"
)

// TestProtocol exchanges every frame that the description of the protocol has: each
// request is granted, and each push arrives.
func TestProtocol(t *testing.T) {
	s := dev(t, "--topics.history", "room=10", "--topics.presence", "room", "--presence.all",
		"--offline.gateway", "http://127.0.0.1:9/nobody-listens")
	protocol, err := protocoltest.New()
	if err != nil {
		t.Fatal(err)
	}
	p := &players{server: s, protocol: protocol}
	for _, part := range []struct {
		name string
		play func(*players)
	}{
		{"robot", (*players).robot},
		{"presence", (*players).presence},
		{"topics", (*players).topics},
		{"messages", (*players).messages},
		{"changes", (*players).changes},
		{"groups", (*players).groups},
		{"roles", (*players).roles},
		{"friends", (*players).friends},
		{"files", (*players).files},
		{"devices", (*players).devices},
		{"accounts", (*players).accounts},
	} {
		t.Run(part.name, func(t *testing.T) {
			in := *p
			in.server = s.in(t)
			part.play(&in)
		})
	}
	for _, name := range protocol.Unseen() {
		if strings.HasSuffix(name, ".account.Logout") {
			continue // it ends the session that asks, before there is a reply
		}
		t.Errorf("no frame was exchanged that is described as %s", name)
	}
}

// players are the clients of one server.
type players struct {
	*server
	protocol *protocoltest.Checker
}

// enter logs a user in, and follows the connection.
func (p *players) enter(user, platform string) *client {
	p.t.Helper()
	c := p.dial()
	c.frames = p.protocol.Connection()
	c.ok("robot", "Login", `{"UserId":"`+user+`","PlatId":"`+platform+`","DeviceId":"`+user+`'s"}`)
	return c
}

// waits reads up to a push.
func (c *client) waits(module, action string) map[string]any {
	c.t.Helper()
	for {
		if f := c.next(); f.Code == nil && f.Module == module && f.Action == action {
			return f.Data
		}
	}
}

// word is a string in a reply.
func word(t *testing.T, data map[string]any, key string) string {
	t.Helper()
	text, ok := data[key].(string)
	if !ok {
		t.Fatalf("no %s in %v", key, data)
	}
	return text
}

func (p *players) robot() {
	c := p.enter("alice", "1")
	c.ok("robot", "HeartBeat", "")
	c.ok("robot", "Ping", "")
	c.refused(404, "robot", "Dance", "")
	c.send("this is no request")
	if f := c.next(); f.Module != "robot" || f.Action != "Error" {
		p.t.Errorf("got %+v", f)
	}
	c.ok("robot", "Logout", "")
}

func (p *players) presence() {
	alice := p.enter("alice", "web")
	alice.ok("presence", "Subscribe", `{"users":["bob"]}`)
	bob := p.enter("bob", "ios")
	alice.waits("presence", "Online")
	alice.ok("presence", "Online", `{"users":["bob","nobody"]}`)
	bob.ok("robot", "Logout", "")
	alice.waits("presence", "Offline")
	alice.ok("presence", "Unsubscribe", `{"users":["bob"]}`)
	alice.ok("presence", "Subscribe", `{"all":true}`)
}

func (p *players) topics() {
	alice, bob := p.enter("alice", "web"), p.enter("bob", "web")
	alice.ok("topic", "Subscribe", `{"topic":"room-1"}`)
	bob.ok("topic", "Subscribe", `{"topic":"room-1"}`)
	alice.waits("topic", "Presence")
	p.api("/api/push", `{"topics":["room-1"],"message":{"n":1}}`)
	bob.waits("push", "Message")
	alice.ok("topic", "Publish", `{"topic":"room-1","data":{"n":2},"except_self":true}`)
	bob.waits("topic", "Message")
	alice.ok("topic", "Publish", `{"topic":"plain","data":{}}`)
	remembered := alice.ok("topic", "History", `{"topic":"room-1","after":0,"limit":5}`)
	alice.ok("topic", "Presence", `{"topic":"room-1","limit":1}`)
	bob.ok("topic", "Unsubscribe", `{"topic":"room-1"}`)
	since := fmt.Sprintf(`{"offset":1,"epoch":%q}`, word(p.t, remembered, "epoch"))
	missed := bob.ok("topic", "Subscribe", `{"topic":"room-1","recover":`+since+`}`)
	if list, _ := missed["messages"].([]any); missed["recovered"] != true || len(list) != 1 {
		p.t.Errorf("recovered %v", missed)
	}
}

func (p *players) messages() {
	alice, bob, other := p.enter("alice", "web"), p.enter("bob", "web"), p.enter("bob", "ios")
	sent := alice.ok("chat", "Send", `{"to":"user:bob","type":"text","text":"hi","client_id":"c-1","ttl":60}`)
	alice.ok("chat", "Send", `{"to":"user:bob","type":"text","text":"hi","client_id":"c-1","ttl":60}`)
	alice.ok("chat", "Send", `{"to":"user:bob","type":"custom","data":{"n":1},"one_device":true}`)
	conv := word(p.t, sent, "conv")
	other.ok("chat", "Delivered", `{"conv":"`+conv+`","seq":1}`)
	alice.waits("chat", "Receipt")
	other.ok("chat", "Read", `{"conv":"`+conv+`","seq":2}`)
	bob.waits("chat", "Read")
	bob.waits("chat", "Canceled")
	bob.ok("chat", "Typing", `{"to":"user:alice"}`)
	alice.waits("chat", "Typing")
	bob.ok("chat", "History", `{"to":"user:alice","before":9}`)
	bob.ok("chat", "Sync", `{}`)
	bob.ok("chat", "Sync", `{"cursors":{"`+conv+`":{"seq":1,"rev":0},"g:none":{"seq":1,"rev":0}},"limit":1}`)
	bob.ok("chat", "Conversations", `{"limit":5}`)
	bob.ok("chat", "Search", `{"q":"hi"}`)
	alice.ok("chat", "Send", `{"to":"bot:echo","type":"text","text":"are you there"}`)
	for alice.waits("chat", "Message")["from"] != "bot:echo" {
	}
	alice.ok("bot", "List", "")
}

func (p *players) changes() {
	alice, bob, other := p.enter("alice", "web"), p.enter("bob", "web"), p.enter("bob", "ios")
	sent := alice.ok("chat", "Send", `{"to":"user:bob","type":"text","text":"first"}`)
	conv, id := word(p.t, sent, "conv"), `"id":"`+word(p.t, sent, "id")+`"`
	alice.ok("chat", "Edit", `{`+id+`,"type":"text","text":"second"}`)
	bob.waits("chat", "Edited")
	bob.ok("chat", "Versions", `{`+id+`}`)
	bob.ok("chat", "React", `{`+id+`,"sign":"+1"}`)
	alice.waits("chat", "Reaction")
	bob.ok("chat", "Sync", `{"cursors":{"`+conv+`":{"seq":999,"rev":0}}}`)
	alice.ok("chat", "Recall", `{`+id+`}`)
	bob.waits("chat", "Recalled")
	bob.ok("chat", "History", `{"conv":"`+conv+`"}`)
	bob.ok("chat", "Delete", `{"conv":"`+conv+`","seqs":[1]}`)
	other.waits("chat", "Deleted")
	bob.ok("chat", "Hide", `{"conv":"`+conv+`"}`)
	other.waits("chat", "Hidden")
}

func (p *players) groups() {
	alice, bob, carol := p.enter("alice", "web"), p.enter("bob", "web"), p.enter("carol", "web")
	g := alice.ok("group", "Create", `{"name":"Climbers","members":["bob"]}`)
	group := `"group":"` + word(p.t, g, "id") + `"`
	bob.waits("group", "Joined")
	alice.ok("group", "Info", `{`+group+`}`)
	alice.ok("group", "Update", `{`+group+`,"notice":"ropes","muted":false}`)
	bob.waits("group", "Changed")
	alice.ok("group", "List", "")
	carol.ok("group", "Join", `{`+group+`,"text":"me too"}`)
	alice.waits("group", "Requested")
	alice.ok("group", "Requests", `{`+group+`}`)
	alice.ok("group", "Answer", `{`+group+`,"user":"carol","accept":false}`)
	carol.waits("group", "Refused")
	alice.ok("group", "Invite", `{`+group+`,"users":["carol"]}`)
	carol.waits("group", "Joined")
	carol.waits("chat", "Message") // the notice
	carol.ok("group", "Remark", `{`+group+`,"remark":"C."}`)
	alice.ok("group", "Remove", `{`+group+`,"users":["carol"]}`)
	carol.waits("group", "Left")
	bob.ok("group", "Leave", `{`+group+`}`)
	alice.ok("group", "Dismiss", `{`+group+`}`)
}

func (p *players) roles() {
	alice, bob := p.enter("alice", "web"), p.enter("bob", "web")
	g := alice.ok("group", "Create", `{"members":["bob","carol"]}`)
	group := `"group":"` + word(p.t, g, "id") + `"`
	alice.ok("group", "SetRole", `{`+group+`,"user":"bob","role":"admin"}`)
	bob.waits("group", "Changed")
	alice.ok("group", "Members", `{`+group+`}`)
	alice.ok("group", "Mute", `{`+group+`,"user":"carol","seconds":60}`)
	sent := alice.ok("chat", "Send", `{"to":"group:`+word(p.t, g, "id")+`","type":"text","text":"hi","mention":["*"]}`)
	bob.ok("chat", "Conversations", "")
	bob.ok("chat", "Readers", fmt.Sprintf(`{"conv":%q,"seq":%v,"read":false}`, sent["conv"], sent["seq"]))
	alice.ok("group", "Transfer", `{`+group+`,"user":"bob"}`)
	bob.waits("group", "Changed")
	bob.ok("group", "Dismiss", `{`+group+`}`)
	alice.waits("group", "Dismissed")
}

func (p *players) friends() {
	alice, bob, other := p.enter("alice", "web"), p.enter("bob", "web"), p.enter("alice", "ios")
	alice.ok("friend", "Request", `{"user":"bob","text":"It's me"}`)
	bob.waits("friend", "Requested")
	bob.ok("friend", "Refuse", `{"user":"alice"}`)
	alice.waits("friend", "Refused")
	alice.ok("friend", "Request", `{"user":"bob"}`)
	bob.ok("friend", "Accept", `{"user":"alice"}`)
	alice.waits("friend", "Accepted")
	alice.ok("friend", "Remark", `{"user":"bob","remark":"Bobby"}`)
	other.waits("friend", "Changed")
	alice.ok("friend", "List", `{"state":"friend"}`)
	alice.ok("friend", "Remove", `{"user":"bob"}`)
	bob.waits("friend", "Removed")
	alice.ok("friend", "Block", `{"user":"bob","on":true}`)
	alice.ok("friend", "Block", `{"user":"bob","on":false}`)
}

func (p *players) files() {
	alice := p.enter("alice", "web")
	id := word(p.t, p.public("/api/v1/files?name=a.txt", "alice", "text/plain", "some text"), "id")
	alice.ok("file", "Info", `{"id":"`+id+`"}`)
	alice.ok("file", "Link", `{"id":"`+id+`"}`)
	alice.ok("file", "Links", `{"ids":["`+id+`","none"]}`)
	alice.ok("file", "List", `{}`)
	alice.ok("file", "Delete", `{"id":"`+id+`"}`)
}

func (p *players) devices() {
	alice := p.enter("alice", "ios")
	device := word(p.t, alice.ok("push", "Register", `{"token":"t-1","provider":"apns"}`), "device")
	alice.ok("push", "Unregister", `{"device":"`+device+`"}`)
}

func (p *players) accounts() {
	p.public("/api/v1/users", "", "application/json", `{"user":"dave","password":"correct horse battery","name":"Dave"}`)
	in := func() (token, refresh string) {
		tokens := p.public("/api/v1/login", "", "application/json", `{"user":"dave","password":"correct horse battery"}`)
		return word(p.t, tokens, "token"), word(p.t, tokens, "refresh_token")
	}
	token, refresh := in()
	in()
	c := p.dial()
	c.frames = p.protocol.Connection()
	c.ok("robot", "Login", `{"UserId":"dave","PlatId":"pc","AppId":"tests","Token":"`+token+`"}`)
	c.ok("account", "Me", "")
	c.ok("account", "Update", `{"extra":{"likes":"tea"},"avatar":"https://example.com/d.png"}`)
	c.ok("account", "User", `{"user":"dave"}`)
	c.ok("account", "Users", `{"users":["dave","nobody"]}`)
	devices, _ := c.ok("account", "Devices", "")["devices"].([]any)
	if len(devices) != 2 {
		p.t.Fatalf("logged in at %v", devices)
	}
	newest, _ := devices[0].(map[string]any)
	c.ok("account", "RevokeDevice", `{"grant":"`+word(p.t, newest, "id")+`"}`)
	c.ok("account", "Refresh", `{"refresh_token":"`+refresh+`"}`)
	c.send(request("account", "Logout", `{"all":true}`))
	c.closed(4002)
}

// public sends a request to the public listener.
func (p *players) public(path, token, contentType, body string) (reply map[string]any) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://"+p.Listen+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&reply); err != nil || response.StatusCode >= 300 {
		p.t.Fatalf("%s: %s %v %v", path, response.Status, reply, err)
	}
	return reply
}
