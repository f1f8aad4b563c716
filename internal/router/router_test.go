package router_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pushd/internal/codec"
	"pushd/internal/router"
)

type principal struct{ User string }

type sendRequest struct {
	To   string `json:"to"`
	Size int    `json:"size"`
}

type sendReply struct {
	Text string `json:"text"`
}

func send(_ context.Context, p principal, req sendRequest) (sendReply, error) {
	return sendReply{Text: p.User + " to " + req.To}, nil
}

func nothing(context.Context, principal, struct{}) (struct{}, error) { return struct{}{}, nil }

func table() *router.Table[principal] {
	t := router.New[principal]()
	t.Register("chat", router.Handlers[principal]{"Send": router.Typed(send)})
	t.Register("robot", router.Handlers[principal]{
		"Ping":   router.Typed(nothing).Inline().Open(),
		"Logout": router.Typed(nothing).Inline(),
	})
	return t
}

func TestCall(t *testing.T) {
	denied := codec.Errorf(codec.CodeForbidden, "no")
	tab := table()
	tab.Register("chat", router.Handlers[principal]{
		"Fail": router.Typed(func(context.Context, principal, sendRequest) (*sendReply, error) {
			return &sendReply{}, denied
		}),
		"Nil": router.Typed(func(context.Context, principal, *sendRequest) (*sendReply, error) { return nil, nil }),
	})
	for _, tt := range []struct {
		module, action, data string
		want                 string // the payload of the reply
	}{
		{"chat", "Send", `{"to":"bob"}`, `{"Module":"chat","Action":"Send","Code":0,"Data":{"text":"alice to bob"}}`},
		{"chat", "Send", ``, `{"Module":"chat","Action":"Send","Code":0,"Data":{"text":"alice to "}}`},
		{"chat", "Send", `{"size":"big"}`, `{"Module":"chat","Action":"Send","Code":400,"Msg":"size must be an integer that fits 64 bits"}`},
		{"chat", "Fail", `{}`, `{"Module":"chat","Action":"Fail","Code":403,"Msg":"no"}`},
		{"chat", "Nil", `{}`, `{"Module":"chat","Action":"Nil","Code":0}`},
		{"robot", "Ping", `{"any":"thing"}`, `{"Module":"robot","Action":"Ping","Code":0}`},
	} {
		t.Run(tt.action+tt.data, func(t *testing.T) {
			route, err := tab.Lookup(tt.module, tt.action)
			if err != nil {
				t.Fatal(err)
			}
			r := codec.Request{Module: tt.module, Action: tt.action}
			var got []byte
			reply, err := route.Call(t.Context(), principal{"alice"}, []byte(tt.data))
			if err == nil {
				got, err = codec.AppendReply(nil, &r, reply)
			}
			if err != nil {
				got = codec.AppendError(nil, &r, err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestRequestIsItsOwn: what a handler keeps must not change with the buffer.
func TestRequestIsItsOwn(t *testing.T) {
	var kept sendRequest
	tab := router.New[principal]()
	tab.Register("chat", router.Handlers[principal]{
		"Send": router.Typed(func(_ context.Context, _ principal, req sendRequest) (struct{}, error) {
			kept = req
			return struct{}{}, nil
		}),
	})
	route, err := tab.Lookup("chat", "Send")
	if err != nil {
		t.Fatal(err)
	}
	data := []byte(`{"to":"bob"}`)
	if _, err := route.Call(t.Context(), principal{}, data); err != nil {
		t.Fatal(err)
	}
	if clear(data); kept.To != "bob" {
		t.Errorf("kept %q", kept.To)
	}
}

func TestMarks(t *testing.T) {
	tab := table()
	for _, want := range []struct {
		module, action string
		inline, open   bool
	}{{"robot", "Ping", true, true}, {"robot", "Logout", true, false}, {"chat", "Send", false, false}} {
		r, err := tab.Lookup(want.module, want.action)
		if err != nil || r.Inline != want.inline || r.Open != want.open || r.Module != want.module || r.Action != want.action {
			t.Errorf("got %+v, %v; want %+v", r, err, want)
		}
	}
	if got, want := tab.Routes(), []string{"chat.Send", "robot.Logout", "robot.Ping"}; !reflect.DeepEqual(got, want) {
		t.Errorf("routes %v, want %v", got, want)
	}
}

func TestActions(t *testing.T) {
	tab := router.New[principal]()
	tab.Register("robot", router.Handlers[principal]{"Ping": router.Typed(nothing).Open()})
	tab.Register("chat", router.Handlers[principal]{"Send": router.Typed(send).Doc("Sends."), "Drop": router.Typed(nothing)})
	want := []router.Action{
		{Module: "chat", Action: "Drop"},
		{
			Module: "chat", Action: "Send", Doc: "Sends.",
			Request: reflect.TypeFor[sendRequest](), Reply: reflect.TypeFor[sendReply](),
		},
		{Module: "robot", Action: "Ping", Open: true},
	}
	if got := tab.Actions(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLookupMiss(t *testing.T) {
	tab := table()
	for _, tt := range []struct{ module, action, msg string }{
		{"nosuch", "Send", `no module "nosuch"`},
		{"chat", "Nosuch", `no action "Nosuch" in module "chat"`},
		{"Chat", "Send", `no module "Chat"`},
		{"chat", "send", `no action "send" in module "chat"`},
		{"a\n\"b", "x", `no module "a\n\"b"`},
		{"", "", `no module ""`},
		{strings.Repeat("x", 60000), "x", `no module "` + strings.Repeat("x", 64) + `"…`},
		{"chat", strings.Repeat("消", 100), `no action "` + strings.Repeat("消", 21) + `"… in module "chat"`},
	} {
		_, err := tab.Lookup(tt.module, tt.action)
		var e *codec.Error
		if !errors.As(err, &e) || e.Code != codec.CodeNotFound || e.Msg != tt.msg || !utf8.ValidString(e.Msg) {
			t.Errorf("got %v, want 404 %s", err, tt.msg)
		}
	}
}

func TestRegisterPanics(t *testing.T) {
	for _, tt := range []struct {
		name     string
		register func(*router.Table[principal])
		places   int // how many times the message names this file
	}{
		{"taken", func(t *router.Table[principal]) {
			t.Register("chat", router.Handlers[principal]{"Send": router.Typed(nothing)})
		}, 2},
		{"no module", func(t *router.Table[principal]) {
			t.Register("", router.Handlers[principal]{"Send": router.Typed(nothing)})
		}, 1},
		{"no action", func(t *router.Table[principal]) {
			t.Register("chat", router.Handlers[principal]{"": router.Typed(nothing)})
		}, 1},
		{"no handler", func(t *router.Table[principal]) {
			t.Register("chat", router.Handlers[principal]{"Other": {}})
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				msg, _ := recover().(string)
				if strings.Count(msg, "router_test.go:") != tt.places {
					t.Errorf("panicked with %q, which should name %d places", msg, tt.places)
				}
			}()
			tt.register(table())
		})
	}
}

func TestPanicPassesThrough(t *testing.T) {
	tab := router.New[principal]()
	tab.Register("m", router.Handlers[principal]{
		"a": router.Typed(func(context.Context, principal, struct{}) (struct{}, error) { panic("handler") }),
	})
	route, err := tab.Lookup("m", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() != "handler" {
			t.Error("the panic did not reach the caller")
		}
	}()
	if _, err := route.Call(t.Context(), principal{}, nil); err != nil {
		t.Error(err)
	}
}

func TestDispatchDoesNotAllocate(t *testing.T) {
	tab := table()
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		route, err := tab.Lookup("robot", "Logout")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := route.Call(ctx, principal{"alice"}, nil); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDirect(t *testing.T) {
	type reply struct{ Time int64 }
	table := router.New[*int]()
	table.Register("robot", router.Handlers[*int]{
		"Ping": router.Direct[*int, reply](func(n *int, r *codec.Request) { *n += len(r.Action) }).Open(),
	})
	route, err := table.Lookup("robot", "Ping")
	if err != nil || !route.Inline || !route.Open {
		t.Fatalf("%+v, %v", route, err)
	}
	n := 0
	if route.Direct(&n, &codec.Request{Action: "Ping"}); n != 4 {
		t.Errorf("called with %d", n)
	}
	if a := table.Actions()[0]; a.Request != nil || a.Reply != reflect.TypeFor[reply]() {
		t.Errorf("%+v", a)
	}
}
