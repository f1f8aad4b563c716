package codec_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"pushd/internal/codec"
)

func TestPushFrame(t *testing.T) {
	type wrapped struct {
		Message json.RawMessage `json:"message"`
	}
	const relayed = ` {"n":123456789012345678901234567890,"s":"\u003c< é","d":1.10}`
	for name, tt := range map[string]struct {
		push codec.Push
		want string
	}{
		"object": {
			codec.NewPushType[map[string]int]("chat", "Message", "").With(map[string]int{"seq": 1}),
			`{"Module":"chat","Action":"Message","Data":{"seq":1}}`,
		},
		"bad UTF-8 is repaired": {
			codec.NewPushType[map[string]string]("chat", "Message", "").With(map[string]string{"s": "\xff"}),
			`{"Module":"chat","Action":"Message","Data":{"s":"\ufffd"}}`,
		},
		"raw inside": {
			codec.NewPushType[wrapped]("chat", "Message", "").With(wrapped{json.RawMessage(`{ "n":9007199254740993 }`)}),
			`{"Module":"chat","Action":"Message","Data":{"message":{ "n":9007199254740993 }}}`,
		},
		"raw": {
			codec.NewRawPushType("push", "Message", "").With(json.RawMessage(relayed)),
			`{"Module":"push","Action":"Message","Data":` + relayed + `}`,
		},
		"long names": {
			codec.NewRawPushType(strings.Repeat("m", 300), strings.Repeat("a", 300), "").With(json.RawMessage(`{}`)),
			`{"Module":"` + strings.Repeat("m", 300) + `","Action":"` + strings.Repeat("a", 300) + `","Data":{}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := tt.push.Frame()
			if err != nil || string(f.Payload()) != tt.want {
				t.Errorf("got  %s (%v)\nwant %s", f.Payload(), err, tt.want)
			}
		})
	}
}

func TestPushRefusesWhatIsNoObject(t *testing.T) {
	anything := codec.NewPushType[any]("chat", "Message", "").Remembered()
	for _, data := range []any{[]int{1}, 5, math.NaN(), make(chan int), nil, (*loginReply)(nil)} {
		if f, err := anything.With(data).Frame(); err == nil || !strings.Contains(err.Error(), "chat.Message") {
			t.Errorf("%T became %s, %v", data, f, err)
		}
		if s, err := anything.With(data).Stamp("t"); err == nil {
			t.Errorf("%T became %s", data, s)
		}
	}
	raw := codec.NewRawPushType("push", "Message", "").Remembered()
	for _, data := range []string{"", "null", "[]", " ", `"x"`} {
		if _, err := raw.With(json.RawMessage(data)).Frame(); err == nil {
			t.Errorf("%q was accepted", data)
		}
		if _, err := raw.With(json.RawMessage(data)).Stamp("t"); err == nil {
			t.Errorf("%q was accepted", data)
		}
	}
}

// TestPushNeedsAType: what was not declared can't be pushed.
func TestPushNeedsAType(t *testing.T) {
	for name, p := range map[string]codec.Push{
		"no push":     {},
		"no type":     codec.PushType[map[string]int]{}.With(map[string]int{}),
		"no raw type": codec.RawPushType{}.With(json.RawMessage(`{}`)),
	} {
		if f, err := p.Frame(); err == nil || p.Name() != "" {
			t.Errorf("%s: made %s of %q", name, f, p.Name())
		}
	}
}

func TestPushInfo(t *testing.T) {
	plain := codec.NewPushType[loginReply]("chat", "Message", "A message.")
	marked := plain.Remembered()
	want := codec.PushInfo{Module: "chat", Action: "Message", Doc: "A message.", Data: reflect.TypeFor[loginReply]()}
	if got := plain.Info(); got != want {
		t.Errorf("got %+v", got)
	}
	if want.Remembered = true; marked.Info() != want {
		t.Errorf("got %+v", marked.Info())
	}
	if raw := codec.NewRawPushType("push", "Message", "").Info(); raw.Data != reflect.TypeFor[json.RawMessage]() {
		t.Errorf("got %+v", raw)
	}
	if p := plain.With(loginReply{}); p.Name() != "chat.Message" {
		t.Errorf("its name is %q", p.Name())
	}
	if _, err := plain.With(loginReply{}).Stamp("t"); err == nil || !strings.Contains(err.Error(), "chat.Message") {
		t.Errorf("stamped, though no topic remembers it: %v", err)
	}
}

func TestRawPushAllocatesTheFrameOnly(t *testing.T) {
	data := json.RawMessage(`{"a":1}`)
	message := codec.NewRawPushType("push", "Message", "")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := message.With(data).Frame(); err != nil {
			t.Fatal(err)
		}
	}); n != 1 {
		t.Errorf("%v allocations", n)
	}
}
