package protocoltest_test

import (
	"strings"
	"testing"

	"pushd/internal/protocol/protocoltest"
)

func checker(t *testing.T) *protocoltest.Checker {
	t.Helper()
	c, err := protocoltest.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	login      = `{"Module":"robot","Action":"Login","Seq":1,"Data":{"UserId":"alice","PlatId":1}}`
	loginReply = `{"Module":"robot","Action":"Login","Seq":1,"Code":0,"Data":{"session":"s","user":"alice",` +
		`"platform":"web","heartbeat":60,"server":"n","resumed":false,"unread":0}}`
	stamped = `{"Module":"push","Action":"Message","Data":{"n":1},"Topic":"t","Offset":1,"Epoch":"e"}`
)

func TestReceived(t *testing.T) {
	c := checker(t)
	reply := func(message string) string {
		return `{"Module":"topic","Action":"Subscribe","Code":0,"Data":{"topic":"t","offset":1,"epoch":"e",` +
			`"recovered":true,"messages":[` + message + `]}}`
	}
	typing := func(more, beside string) string {
		return `{"Module":"chat","Action":"Typing","Data":{"conv":"s:a:b"` + more + `}` + beside + `}`
	}
	extra := strings.Replace(loginReply, `"unread"`, `"extra":1,"unread"`, 1)
	const wrong = "not as described"
	for _, tt := range []struct{ name, frame, fault string }{
		{"push", typing(`,"from":"a"`, ""), ""},
		{"push of any object", `{"Module":"push","Action":"Message","Data":{"a":{"b":[1]}}}`, ""},
		{"push of a topic with a history", stamped, ""},
		{"reply", loginReply, ""},
		{"reply without data", `{"Module":"robot","Action":"Logout","Code":0}`, ""},
		{"refusal", `{"Module":"no","Action":"such","Code":429,"Msg":"too many","Temporary":true,"RetryAfter":5}`, ""},
		{"refusal of what is no request", `{"Module":"robot","Action":"Error","Code":400,"Msg":"not a JSON object"}`, ""},
		{"reply with pushes in it", reply(stamped), ""},

		{"no JSON", `nonsense`, "invalid character"},
		{"unknown module", `{"Module":"ballet","Action":"Dance","Data":{}}`, "push.ballet.Dance is not described"},
		{"unknown action", `{"Module":"chat","Action":"Dance","Code":0}`, "reply.chat.Dance is not described"},
		{"push named as a request", `{"Module":"chat","Action":"Send","Data":{}}`, "push.chat.Send is not described"},
		{"push without data", `{"Module":"chat","Action":"Typing"}`, wrong},
		{"push with another key", typing(`,"from":"a","to":"b"`, ""), wrong},
		{"push with another key beside its data", `{"Module":"push","Action":"Message","Data":{},"Time":1}`, wrong},
		{"a place for what no topic remembers", typing(`,"from":"a"`, `,"Topic":"t","Offset":1,"Epoch":"e"`), wrong},
		{"push with a value of another type", typing(`,"from":5`, ""), wrong},
		{"reply without a field", `{"Module":"robot","Action":"Ping","Code":0,"Data":{}}`, wrong},
		{"reply with a key that is not there", extra, wrong},
		{"unknown code", `{"Module":"a","Action":"b","Code":418,"Msg":"x"}`, wrong},
		{"refusal that isn't temporary", `{"Module":"a","Action":"b","Code":503,"Msg":"x","Temporary":false}`, wrong},
		{"reply with another frame in it", reply(typing(`,"from":"a"`, "")), wrong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := c.Connection().Received([]byte(tt.frame))
			if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Errorf("got %v, want %q", err, tt.fault)
			}
		})
	}
}

// TestGrantedRequests: a request has to be described when it is granted, and not
// before.
func TestGrantedRequests(t *testing.T) {
	c := checker(t)
	more := strings.Replace(login, `"Seq"`, `"More":1,"Seq"`, 1)
	bad := strings.Replace(login, `"PlatId":1`, `"PlatId":true`, 1)
	for _, tt := range []struct {
		name    string
		sent    []string
		reply   string
		granted bool // is as described
	}{
		{"as described", []string{login}, loginReply, true},
		{"with a key that the server ignores", []string{more}, loginReply, true},
		{"not as described", []string{bad}, loginReply, false},
		{"refused", []string{bad}, `{"Module":"robot","Action":"Login","Code":400,"Msg":"no"}`, true},
		{"after what is no request", []string{`nonsense`, `{}`, login}, loginReply, true},
		{"after another that was never answered", []string{`{"Module":"robot","Action":"Ping"}`, login}, loginReply, true},
		{"of the handshake", nil, loginReply, true},
		{"before what is not as described", []string{login, bad}, loginReply, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := c.Connection()
			for _, text := range tt.sent {
				conn.Sent([]byte(text))
			}
			if err := conn.Received([]byte(tt.reply)); (err == nil) != tt.granted {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRefusedFrames: what is refused without a name is out of the way of what follows.
func TestRefusedFrames(t *testing.T) {
	conn := checker(t).Connection()
	conn.Sent([]byte(`{"Module":"robot","Action":"Login","Seq":1,"Data":{"x":"\u0000"}}`))
	conn.Sent([]byte(login))
	for _, text := range []string{`{"Module":"robot","Action":"Error","Code":400,"Msg":"a NUL"}`, loginReply} {
		if err := conn.Received([]byte(text)); err != nil {
			t.Error(err)
		}
	}
}

// TestOwnModules: what a site adds is not described.
func TestOwnModules(t *testing.T) {
	c := checker(t)
	const vote = `{"Module":"poll","Action":"Vote","Code":0,"Data":{"x":1}}`
	if err := c.Connection("poll").Received([]byte(vote)); err != nil {
		t.Error(err)
	}
	if err := c.Connection("ballet").Received([]byte(vote)); err == nil {
		t.Error("a module of somebody else is taken")
	}
}

func TestClosed(t *testing.T) {
	conn := checker(t).Connection()
	if err := conn.Closed(4003); err != nil {
		t.Error(err)
	}
	if err := conn.Closed(4999); err == nil {
		t.Error("4999 is described")
	}
}

func TestUnseen(t *testing.T) {
	c := checker(t)
	before := len(c.Unseen())
	if err := c.Connection().Received([]byte(loginReply)); err != nil {
		t.Fatal(err)
	}
	if after := len(c.Unseen()); after != before-1 {
		t.Errorf("%d unseen, then %d", before, after)
	}
}

// TestEverySchemaCompiles: also those that no frame of a test has fitted.
func TestEverySchemaCompiles(t *testing.T) {
	c := checker(t)
	for _, name := range c.Unseen() {
		kind, rest, _ := strings.Cut(name, ".")
		module, action, _ := strings.Cut(rest, ".")
		check := map[string]func(string, string, []byte) error{"push": c.Push, "reply": c.Reply, "request": c.Request}[kind]
		if check == nil {
			continue // error, which has a test of its own
		}
		if err := check(module, action, []byte(`[]`)); err == nil || !strings.Contains(err.Error(), "not as described") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
