package chat_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

func TestSendSingle(t *testing.T) {
	w := newWorld(t, chat.Options{})
	first := w.say("alice", "user:bob", "hi")
	if first.Conv != "s:alice:bob" || first.Seq != 1 || first.Time != w.clock.UnixMilli() || first.ID == "" {
		t.Errorf("%+v", first)
	}
	second := ok(w.Send(t.Context(), as("bob"), chat.SendRequest{Conv: first.Conv, Body: chat.Body{Type: "text", Text: "yes?"}}))(t)
	if second.Seq != 2 || second.Conv != first.Conv || second.ID <= first.ID {
		t.Errorf("%+v", second)
	}
	w.wantGot("alice/web", "chat.Message 2 bob yes?") // the sender's session has its reply
	w.wantGot("alice/ios", "chat.Message 1 alice hi, chat.Message 2 bob yes?")
	w.wantGot("bob/web", "chat.Message 1 alice hi")
	w.wantGot("cyd/web", "")
	if got := w.taken(&w.hooks); got != "before hi, after hi, before yes?, after yes?" {
		t.Errorf("hooks: %s", got)
	}
	w.say("alice", "user:eve", "are you there?")
	if got := w.taken(&w.missed); got != "eve are you there?" {
		t.Errorf("missed: %q", got)
	}
}

func TestSendAgain(t *testing.T) {
	w := newWorld(t, chat.Options{})
	r := text("user:bob", "hi")
	r.ClientID = "c-1"
	first := ok(w.Send(t.Context(), as("alice"), r))(t)
	again := ok(w.Send(t.Context(), as("alice"), r))(t)
	if again.ID != first.ID || again.Seq != 1 || !again.Duplicate || first.Duplicate {
		t.Errorf("first %+v, again %+v", first, again)
	}
	w.wantGot("bob/web", "chat.Message 1 alice hi")
	// Another one's id of the same name is another one.
	if rep := ok(w.Send(t.Context(), as("cyd"), r))(t); rep.Duplicate {
		t.Error("client ids are shared")
	}
	r.To = "user:dan"
	_, err := w.Send(t.Context(), as("alice"), r)
	wantCode(t, err, 409, "client_id")
	// Only its sender sees a client id.
	for user, want := range map[string]string{"alice": "c-1", "bob": ""} {
		h := ok(w.History(t.Context(), as(user), chat.HistoryRequest{Conv: first.Conv}))(t)
		if h.Messages[0].ClientID != want {
			t.Errorf("%s sees client_id %q", user, h.Messages[0].ClientID)
		}
	}
}

func TestSendRefuses(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob")
	send := func(change func(*chat.SendRequest)) error {
		r := text("user:bob", "hi")
		change(&r)
		_, err := w.Send(t.Context(), as("alice"), r)
		return err
	}
	for _, tc := range []struct {
		name   string
		change func(*chat.SendRequest)
		code   int
		says   string
	}{
		{"nobody", func(r *chat.SendRequest) { r.To = "" }, 400, "to is missing"},
		{"both", func(r *chat.SendRequest) { r.Conv = "s:alice:bob" }, 400, "conv and to can't go together"},
		{"no kind", func(r *chat.SendRequest) { r.To = "bob" }, 400, "to is user:ID"},
		{"bad user", func(r *chat.SendRequest) { r.To = "user:" }, 400, "user id"},
		{"bad group", func(r *chat.SendRequest) { r.To = "group:$x" }, 400, "group's id"},
		{"oneself", func(r *chat.SendRequest) { r.To = "user:alice" }, 400, "names the sender"},
		{"no such bot", func(r *chat.SendRequest) { r.To = "bot:none" }, 404, "no bot none"},
		{"no such bot, by another name", func(r *chat.SendRequest) { r.To = "user:bot:none" }, 404, "no bot none"},
		{"all", func(r *chat.SendRequest) { r.To = "all" }, 400, "to is user:ID"},
		{"a notice", func(r *chat.SendRequest) { r.To = "notice:bob" }, 400, "to is user:ID"},
		{"all, by key", func(r *chat.SendRequest) { r.To, r.Conv = "", "b:all" }, 403, "only the server"},
		{"own notices", func(r *chat.SendRequest) { r.To, r.Conv = "", "n:alice" }, 403, "only the server"},
		{"others' notices", func(r *chat.SendRequest) { r.To, r.Conv = "", "n:bob" }, 403, "not a conversation of yours"},
		{"others' chat", func(r *chat.SendRequest) { r.To, r.Conv = "", "s:bob:cyd" }, 403, "not a conversation of yours"},
		{"no key", func(r *chat.SendRequest) { r.To, r.Conv = "", "s:bob:alice" }, 400, "not a conversation"},
		{"no such group", func(r *chat.SendRequest) { r.To = "group:none" }, 403, "not a member"},
		{"body", func(r *chat.SendRequest) { r.Text = "" }, 400, "text is empty"},
		{"client id", func(r *chat.SendRequest) { r.ClientID = strings.Repeat("x", 129) }, 400, "client_id"},
		{"client id of ours", func(r *chat.SendRequest) { r.ClientID = "$x" }, 400, "client_id"},
		{"ttl", func(r *chat.SendRequest) { r.TTL = -1 }, 400, "ttl"},
		{"long ttl", func(r *chat.SendRequest) { r.TTL = 1 << 40 }, 400, "ttl"},
		{"mention", func(r *chat.SendRequest) { r.Mention = []string{"a b"} }, 400, "user id"},
		{"mentions", func(r *chat.SendRequest) { r.Mention = make([]string, 101) }, 413, "mention has at most"},
		{"one device of a group", func(r *chat.SendRequest) { r.To, r.OneDevice = "group:team", true }, 400, "single chats only"},
	} {
		t.Run(tc.name, func(t *testing.T) { wantCode(t, send(tc.change), tc.code, tc.says) })
	}
	w.drop()
	_, err := w.Send(t.Context(), reader, text("user:bob", "hi"))
	wantCode(t, err, 403, "API key")
	_, err = w.Send(t.Context(), as(""), text("user:bob", "hi"))
	wantCode(t, err, 401, "log in")
	if !strings.Contains(w.log.String(), "operation=chat.send user=alice") || !strings.Contains(w.log.String(), "target=s:bob:cyd") {
		t.Error("who was refused what is not in the log")
	}
	// The store's own trouble is passed on, and nothing is delivered.
	w.store.Fail = func(op string) error {
		if op == "Append" {
			return codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
		}
		return nil
	}
	_, err = w.Send(t.Context(), as("alice"), text("user:bob", "hi"))
	wantCode(t, err, 503, "database")
	w.wantGot("bob/web", "")
}

// TestSendIsDoneWhenDeliveryIsNot: what is committed is answered as sent.
func TestSendIsDoneWhenDeliveryIsNot(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.node.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		return delivery.Receipt{}, codec.Errorf(codec.CodeUnavailable, "busy")
	}
	w.say("alice", "user:bob", "hi")
	w.node.Instead = nil
	rep := ok(w.Sync(t.Context(), as("bob"), chat.SyncRequest{}))(t)
	if len(rep.Conversations) != 1 || rep.Conversations[0].Messages[0].Text != "hi" {
		t.Errorf("%+v", rep)
	}
	if strings.Count(w.log.String(), "not all clients were told") != 1 {
		t.Errorf("not in the log once: %s", &w.log)
	}
}

func TestSendGroup(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob", "cyd", "eve", "bot:echo")
	w.say("bob", "group:team", "one")
	w.say("alice", "group:team", "two")
	w.wantGot("alice/web", "chat.Message 1 bob one")
	w.wantGot("alice/ios", "chat.Message 1 bob one, chat.Message 2 alice two")
	w.wantGot("bob/web", "chat.Message 2 alice two")
	w.wantGot("cyd/web", "chat.Message 1 bob one, chat.Message 2 alice two")
	w.wantGot("dan/web", "")
	// Its members are read once, and again when they may have changed.
	reads := 0
	w.store.Fail = func(op string) error {
		if op == "MemberIDs" {
			reads++
		}
		return nil
	}
	w.say("alice", "group:team", "three")
	w.groups.MembersChanged(delivery.MemberChange{Group: "team"})
	w.say("alice", "group:team", "four")
	w.wantGot("cyd/web", "chat.Message 3 alice three, chat.Message 4 alice four")
	if reads != 1 {
		t.Errorf("members were read %d times, want once", reads)
	}
}

// TestHook: a backend may change a body or refuse it, and nothing else.
func TestHook(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.before = func(d *chat.Draft) error {
		switch d.Body.Text {
		case "bad":
			return codec.Errorf(codec.CodeForbidden, "mind your language")
		case "nonsense":
			d.Body = chat.Body{Type: "dance"}
		default:
			d.Body.Text = strings.ToUpper(d.Body.Text)
			d.Conv, d.From, d.ID = "s:cyd:dan", "cyd", "x"
		}
		return nil
	}
	w.say("alice", "user:bob", "hi")
	w.wantGot("bob/web", "chat.Message 1 alice HI")
	_, err := w.Send(t.Context(), as("alice"), text("user:bob", "bad"))
	wantCode(t, err, 403, "mind your language")
	_, err = w.Send(t.Context(), as("alice"), text("user:bob", "nonsense"))
	if e := codec.AsError(err); e == nil || e.Code != 500 || strings.Contains(e.Msg, "dance") {
		t.Errorf("what a hook did wrong is answered as %v", err)
	}
	w.wantGot("bob/web", "")
}

func TestBots(t *testing.T) {
	w := newWorld(t, chat.Options{})
	rep := w.say("alice", "bot:echo", "hello")
	if rep.Conv != "s:alice:bot%3Aecho" || w.say("alice", "user:bot:echo", "again").Conv != rep.Conv {
		t.Errorf("%+v", rep)
	}
	if got := w.taken(&w.said); got != "echo hello, echo again" {
		t.Errorf("said %q", got)
	}
	w.wantGot("alice/ios", "chat.Message 1 alice hello, chat.Message 2 alice again")
	// The bot answers, and is not told what it said itself; nor are other bots.
	ok(w.SendAs(t.Context(), pusher, chat.SendAsRequest{From: "bot:echo", SendRequest: text("user:alice", "HELLO")}))(t)
	w.wantGot("alice/web", "chat.Message 3 bot:echo HELLO")
	ok(w.SendAs(t.Context(), pusher, chat.SendAsRequest{From: "bot:echo", SendRequest: text("bot:other", "hm")}))(t)
	if got := w.taken(&w.said); got != "" {
		t.Errorf("said %q", got)
	}
	if got := w.taken(&w.missed); got != "" {
		t.Errorf("missed %q", got)
	}
}

func TestOneDevice(t *testing.T) {
	w := newWorld(t, chat.Options{})
	one := func(s string) chat.SendReply {
		r := text("user:alice", s)
		r.OneDevice = true
		return ok(w.Send(t.Context(), as("bob"), r))(t)
	}
	one("ring")
	one("ring again")
	w.wantGot("alice/ios", "chat.Message 1 bob ring, chat.Message 2 bob ring again") // heard from last
	w.wantGot("alice/web", "")
	// Another device has it from a Sync. Once the first one has read it, it is
	// canceled there.
	phone := as("alice")
	phone.Session = "alice/ios"
	ok(w.Read(t.Context(), phone, chat.MarkRequest{Conv: "s:alice:bob", Seq: 1}))(t)
	w.wantGot("alice/web", "chat.Read 1, chat.Canceled 1")
	ok(w.Read(t.Context(), phone, chat.MarkRequest{Conv: "s:alice:bob", Seq: 2}))(t)
	w.wantGot("alice/web", "chat.Read 2, chat.Canceled 2")
	w.say("bob", "user:alice", "to all")
	w.drop()
	ok(w.Read(t.Context(), phone, chat.MarkRequest{Conv: "s:alice:bob", Seq: 3}))(t)
	w.wantGot("alice/web", "chat.Read 3")
	r := text("user:eve", "ring")
	r.OneDevice = true
	ok(w.Send(t.Context(), as("bob"), r))(t)
	if got := w.taken(&w.missed); got != "eve ring" {
		t.Errorf("missed %q", got)
	}
}

func TestSendAs(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "bob")
	if _, err := w.store.Block(t.Context(), "bob", "alice", true, chat.FriendBounds{}, 0); err != nil {
		t.Fatal(err)
	}
	send := func(from, to, s string) (chat.SendReply, error) {
		return w.SendAs(t.Context(), pusher, chat.SendAsRequest{From: from, SendRequest: text(to, s)})
	}
	ok(send("alice", "user:bob", "as alice"))(t)
	ok(send("", "group:team", "to the team"))(t)
	ok(send("", "notice:bob", "for bob"))(t)
	ok(send("", "notice:eve", "for eve"))(t)
	ok(send("", "all", "for all"))(t)
	w.wantGot("bob/web", "chat.Message 1 alice as alice, chat.Message 1 $server to the team, chat.Message 1 $server for bob, chat.Message 1 $server for all")
	w.wantGot("alice/web", "chat.Message 1 alice as alice, chat.Message 1 $server to the team, chat.Message 1 $server for all")
	if got := w.taken(&w.missed); got != "eve for eve" {
		t.Errorf("missed %q", got)
	}
	if got := w.taken(&w.hooks); strings.Contains(got, "before") || !strings.Contains(got, "after for all") {
		t.Errorf("hooks %q: a backend isn't asked whether it may", got)
	}
	notice := chat.SendAsRequest{SendRequest: chat.SendRequest{Conv: "g:team", Body: chat.Body{Type: chat.TypeNotice, Data: []byte(`{"event":"x"}`)}}}
	ok(w.SendAs(t.Context(), pusher, notice))(t)

	for name, tc := range map[string]struct {
		r    chat.SendAsRequest
		code int
		says string
	}{
		"no sender":         {chat.SendAsRequest{SendRequest: text("user:bob", "x")}, 400, "from is missing"},
		"bad sender":        {chat.SendAsRequest{From: "$x", SendRequest: text("user:bob", "x")}, 400, "user id"},
		"no such group":     {chat.SendAsRequest{SendRequest: text("group:none", "x")}, 404, "no such group"},
		"not one of both":   {chat.SendAsRequest{From: "cyd", SendRequest: chat.SendRequest{Conv: "s:alice:bob", Body: chat.Body{Type: "text", Text: "x"}}}, 400, "one of the two"},
		"bad notice":        {chat.SendAsRequest{SendRequest: text("notice:", "x")}, 400, "user id"},
		"empty notice":      {chat.SendAsRequest{SendRequest: chat.SendRequest{To: "all", Body: chat.Body{Type: chat.TypeNotice}}}, 400, "data is missing"},
		"no key":            {chat.SendAsRequest{SendRequest: chat.SendRequest{Conv: "x", Body: chat.Body{Type: "text", Text: "x"}}}, 400, "not a conversation"},
		"two places":        {chat.SendAsRequest{SendRequest: chat.SendRequest{To: "all", Conv: "b:all", Body: chat.Body{Type: "text", Text: "x"}}}, 400, "conv and to can't go together"},
		"one device of all": {chat.SendAsRequest{SendRequest: chat.SendRequest{To: "all", Body: chat.Body{Type: "text", Text: "x"}, OneDevice: true}}, 400, "to one user only"},
	} {
		_, err := w.SendAs(t.Context(), pusher, tc.r)
		if wantCode(t, err, tc.code, tc.says); t.Failed() {
			t.Fatal(name)
		}
	}
	_, err := w.SendAs(t.Context(), reader, chat.SendAsRequest{From: "alice", SendRequest: text("user:bob", "x")})
	wantCode(t, err, 403, "push")
	_, err = w.SendAs(t.Context(), as("alice"), chat.SendAsRequest{From: "bob", SendRequest: text("user:cyd", "x")})
	wantCode(t, err, 403, "push")
}

func TestSendAsClientIDs(t *testing.T) {
	w := newWorld(t, chat.Options{})
	mine := text("user:bob", "mine")
	mine.ClientID = "1"
	ok(w.Send(t.Context(), as("alice"), mine))(t)
	theirs := chat.SendAsRequest{From: "alice", SendRequest: text("user:bob", "theirs")}
	theirs.ClientID = "1"
	first := ok(w.SendAs(t.Context(), pusher, theirs))(t)
	again := ok(w.SendAs(t.Context(), pusher, theirs))(t)
	other := ok(w.SendAs(t.Context(), admin, theirs))(t)
	if first.Duplicate || !again.Duplicate || other.Duplicate {
		t.Errorf("%+v, %+v, %+v", first, again, other)
	}
}

func TestKeep(t *testing.T) {
	w := newWorld(t, chat.Options{})
	w.group("team", "alice", "eve")
	keep := func(to, key string) string {
		w.node.Deliveries()
		if _, err := w.SendPush(t.Context(), pusher, to, []byte(`{"n":1}`), time.Minute, key); err != nil {
			t.Fatal(err)
		}
		sent := w.node.Deliveries()
		if len(sent) == 0 {
			return ""
		}
		audience, payload := sent[0].To, sent[0].Payload
		if len(sent) > 1 || !strings.Contains(payload, `"conv":"`+audience.Conversation+`"`) {
			t.Errorf("%s goes to %+v", to, sent)
		}
		if all := slices.Concat(audience.Users, audience.Groups); !strings.HasSuffix(to, strings.Join(all, " ")) || len(all) > 1 {
			t.Errorf("%s goes to %+v", to, audience)
		}
		return payload
	}
	for to, conv := range map[string]string{"notice:bob": "n:bob", "notice:eve": "n:eve", "group:team": "g:team", "all": "b:all"} {
		got := keep(to, "k")
		for _, part := range []string{`"Module":"chat","Action":"Message"`, `"conv":"` + conv + `"`, `"seq":1`, `"from":"$server"`, `"type":"custom"`, `"data":{"n":1}`, `"expires":1793000060000`} {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %s lacks %s", to, got, part)
			}
		}
		if strings.Contains(got, "client_id") {
			t.Errorf("%s: %s", to, got)
		}
		if again := keep(to, "k"); again != "" {
			t.Errorf("%s is kept twice", to)
		}
		if keep(to, "") == "" {
			t.Errorf("%s without a key is not kept", to)
		}
	}
	if got := w.taken(&w.missed); strings.Count(got, "eve") != 2 || strings.Contains(got, "bob") {
		t.Errorf("missed %q", got)
	}
	_, err := w.SendPush(t.Context(), reader, "all", []byte(`{}`), 0, "")
	wantCode(t, err, 403, "push")
	_, err = w.SendPush(t.Context(), pusher, "notice:bob", []byte(`[]`), 0, "")
	wantCode(t, err, 400, "data")
	w.store.Fail = func(string) error { return errors.New("lost") }
	if _, err = w.SendPush(t.Context(), pusher, "all", []byte(`{}`), 0, ""); err == nil {
		t.Error("kept nowhere")
	}
}
