package codec_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pushd/internal/codec"

	"github.com/gobwas/ws"
)

// TestNewFrame reads frames of every header size back with gobwas/ws.
func TestNewFrame(t *testing.T) {
	for _, n := range []int{0, 1, 9, 12, 13, 125, 126, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte("x"), n)
		f := codec.NewFrame(payload)
		rest := bytes.NewReader(f)
		h, err := ws.ReadHeader(rest)
		if err != nil {
			t.Fatal(err)
		}
		if !h.Fin || h.OpCode != ws.OpText || h.Masked || h.Rsv != 0 || h.Length != int64(n) || rest.Len() != n {
			t.Errorf("%d: header %+v with %d bytes after it", n, h, rest.Len())
		}
		if !bytes.Equal(f.Payload(), payload) {
			t.Errorf("%d: another payload", n)
		}
	}
	if codec.Frame(nil).Payload() != nil {
		t.Error("the payload of no frame is not nil")
	}
}

func TestPush(t *testing.T) {
	for _, tt := range []struct {
		name string
		data any
		want string
	}{
		{"none", nil, `{"Module":"chat","Action":"Message"}`},
		{"nil pointer", (*loginReply)(nil), `{"Module":"chat","Action":"Message"}`},
		{"object", map[string]int{"seq": 1}, `{"Module":"chat","Action":"Message","Data":{"seq":1}}`},
		{"bad utf-8 is repaired", map[string]string{"s": "\xff"}, `{"Module":"chat","Action":"Message","Data":{"s":"\ufffd"}}`},
		{"raw inside", struct {
			Message json.RawMessage `json:"message"`
		}{json.RawMessage(`{ "n":9007199254740993 }`)}, `{"Module":"chat","Action":"Message","Data":{"message":{ "n":9007199254740993 }}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := codec.Push("chat", "Message", tt.data)
			if err != nil || string(f.Payload()) != tt.want {
				t.Errorf("got  %s (%v)\nwant %s", f.Payload(), err, tt.want)
			}
		})
	}
	for _, data := range []any{[]int{1}, 5, math.NaN(), make(chan int)} {
		if f, err := codec.Push("chat", "Message", data); err == nil {
			t.Errorf("%T became %s", data, f)
		}
	}
}

func TestPushRaw(t *testing.T) {
	data := ` {"n":123456789012345678901234567890,"s":"\u003c< é","d":1.10}`
	f, err := codec.PushRaw("push", "Message", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"Module":"push","Action":"Message","Data":` + data + `}`; string(f.Payload()) != want {
		t.Errorf("got  %s\nwant %s", f.Payload(), want)
	}
	long := strings.Repeat("m", 300)
	f, err = codec.PushRaw(long, long, nil)
	if want := `{"Module":"` + long + `","Action":"` + long + `"}`; err != nil || string(f.Payload()) != want {
		t.Errorf("got %s, %v", f.Payload(), err)
	}
	for _, data := range []string{"null", "[]", " ", `"x"`} {
		if _, err := codec.PushRaw("push", "Message", []byte(data)); err == nil {
			t.Errorf("%q was accepted", data)
		}
	}
}

func TestPushRawAllocatesTheFrameOnly(t *testing.T) {
	data := []byte(`{"a":1}`)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := codec.PushRaw("push", "Message", data); err != nil {
			t.Fatal(err)
		}
	}); n != 1 {
		t.Errorf("%v allocations", n)
	}
}
