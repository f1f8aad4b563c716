package codec_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pushd/internal/codec"
)

func TestAppendReply(t *testing.T) {
	var none *loginReply
	for _, tt := range []struct {
		name string
		r    codec.Request
		data any
		want string
	}{
		{"no data", codec.Request{Module: "m", Action: "a"}, nil, `{"Module":"m","Action":"a","Code":0}`},
		{"seq zero", codec.Request{Module: "m", Action: "a", HasSeq: true}, nil, `{"Module":"m","Action":"a","Seq":0,"Code":0}`},
		{"data", codec.Request{Module: "m", Action: "a", Seq: 4294967295, HasSeq: true}, struct {
			S string `json:"s"`
		}{"<&>é\x00"}, `{"Module":"m","Action":"a","Seq":4294967295,"Code":0,"Data":{"s":"<&>é\u0000"}}`},
		{"nil pointer", codec.Request{Module: "m", Action: "a"}, none, `{"Module":"m","Action":"a","Code":0}`},
		{
			"raw keeps every byte",
			codec.Request{Module: "m", Action: "a"},
			json.RawMessage(`{"n": 123456789012345678901234567890}`),
			`{"Module":"m","Action":"a","Code":0,"Data":{"n": 123456789012345678901234567890}}`,
		},
		{
			"bad utf-8 is repaired",
			codec.Request{Module: "m", Action: "a"},
			map[string]string{"s": "a\xffb"},
			`{"Module":"m","Action":"a","Code":0,"Data":{"s":"a\ufffdb"}}`,
		},
		{"names are escaped", codec.Request{Module: "\"\\\n", Action: "😀"}, nil, `{"Module":"\"\\\u000a","Action":"😀","Code":0}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := codec.AppendReply([]byte("before"), &tt.r, tt.data)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "before"+tt.want {
				t.Errorf("got  %s\nwant before%s", got, tt.want)
			}
			if !json.Valid(got[len("before"):]) {
				t.Error("not JSON")
			}
		})
	}
}

func TestAppendReplyRefuses(t *testing.T) {
	for name, data := range map[string]any{
		"array": []int{1}, "string": "x", "number": 5, "not a number": map[string]float64{"x": math.NaN()},
		"channel": make(chan int), "raw that is not JSON": json.RawMessage(`{"x":`),
	} {
		got, err := codec.AppendReply([]byte("before"), &codec.Request{Module: "m", Action: "a"}, data)
		if err == nil || string(got) != "before" {
			t.Errorf("%s: got %q, %v; want an error and what was there before", name, got, err)
		}
		if e := codec.AsError(err); e != nil && e.Code != codec.CodeInternal {
			t.Errorf("%s: answered with %v", name, e)
		}
	}
}

func TestAppendError(t *testing.T) {
	r := &codec.Request{Module: "m", Action: "a", Seq: 5, HasSeq: true}
	slow := codec.Errorf(codec.CodeTooMany, "too many messages")
	slow.RetryAfter = 1500*time.Millisecond + 1
	for _, tt := range []struct {
		name string
		r    *codec.Request
		err  error
		want string
	}{
		{"refused frame", nil, codec.Errorf(400, "not a JSON object"), `{"Module":"robot","Action":"Error","Code":400,"Msg":"not a JSON object"}`},
		{"empty request", &codec.Request{}, codec.Errorf(400, "x"), `{"Module":"robot","Action":"Error","Code":400,"Msg":"x"}`},
		{"request", r, codec.Errorf(403, `not a "member"`), `{"Module":"m","Action":"a","Seq":5,"Code":403,"Msg":"not a \"member\""}`},
		{"temporary", r, slow, `{"Module":"m","Action":"a","Seq":5,"Code":429,"Msg":"too many messages","Temporary":true,"RetryAfter":1501}`},
		{"internal text stays inside", r, errors.New("pq: password"), `{"Module":"m","Action":"a","Seq":5,"Code":500,"Msg":"internal error"}`},
		{"half a rune", r, codec.Errorf(404, "no module %s", "消息"[:4]), `{"Module":"m","Action":"a","Seq":5,"Code":404,"Msg":"no module 消` + "\uFFFD" + `"}`},
		{"nil", r, nil, `{"Module":"m","Action":"a","Seq":5,"Code":500,"Msg":"internal error"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := codec.AppendError(nil, tt.r, tt.err); string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestHotReplies(t *testing.T) {
	seq := &codec.Request{Seq: 7, HasSeq: true}
	for _, tt := range []struct{ got, want string }{
		{string(codec.AppendHeartBeat(nil, nil)), `{"Module":"robot","Action":"HeartBeat","Code":0}`},
		{string(codec.AppendHeartBeat(nil, &codec.Request{})), `{"Module":"robot","Action":"HeartBeat","Code":0}`},
		{string(codec.AppendHeartBeat(nil, seq)), `{"Module":"robot","Action":"HeartBeat","Seq":7,"Code":0}`},
		{string(codec.AppendPing(nil, nil, 1793000000000)), `{"Module":"robot","Action":"Ping","Code":0,"Data":{"time":1793000000000}}`},
		{string(codec.AppendPing(nil, seq, 1)), `{"Module":"robot","Action":"Ping","Seq":7,"Code":0,"Data":{"time":1}}`},
	} {
		if tt.got != tt.want {
			t.Errorf("got  %s\nwant %s", tt.got, tt.want)
		}
	}
}

// TestHotRepliesAgree holds the hand-made replies against what AppendReply says.
func TestHotRepliesAgree(t *testing.T) {
	for _, r := range []codec.Request{{}, {Seq: 0, HasSeq: true}, {Seq: 4294967295, HasSeq: true}} {
		r.Module, r.Action = "robot", "HeartBeat"
		want, err := codec.AppendReply(nil, &r, nil)
		if got := codec.AppendHeartBeat(nil, &r); err != nil || string(got) != string(want) {
			t.Errorf("got %s, want %s (%v)", got, want, err)
		}
		r.Action = "Ping"
		want, err = codec.AppendReply(nil, &r, map[string]int64{"time": 99})
		if got := codec.AppendPing(nil, &r, 99); err != nil || string(got) != string(want) {
			t.Errorf("got %s, want %s (%v)", got, want, err)
		}
	}
}

func TestHotRepliesDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 256)
	r := &codec.Request{Module: "chat", Action: "Send", Seq: 70000, HasSeq: true}
	refused := codec.Errorf(codec.CodeForbidden, "not a member of this group")
	for name, f := range map[string]func(){
		"heartbeat": func() { buf = codec.AppendHeartBeat(buf[:0], r) },
		"ping":      func() { buf = codec.AppendPing(buf[:0], r, 1793000000000) },
		"error":     func() { buf = codec.AppendError(buf[:0], r, refused) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é消😀\u2028", "\xff", "a\xc3", "\xed\xa0\x80z", strings.Repeat("x", 300)} {
		out := codec.AppendString(nil, s)
		var got string
		if err := json.Unmarshal(out, &got); err != nil || got != strings.ToValidUTF8(s, "\uFFFD") && !strings.Contains(s, "\xed") {
			t.Errorf("%q became %s: %v", s, out, err)
		}
	}
}
