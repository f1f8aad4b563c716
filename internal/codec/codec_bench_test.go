package codec_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pushd/internal/codec"

	"github.com/bytedance/sonic"
)

const (
	heartBeatText = `{"Module":"robot","Action":"HeartBeat"}`
	loginText     = `{"Module":"robot","Action":"Login","Seq":1,"Data":{"UserId":"alice","PlatId":"1","AppId":"shop","DeviceId":"d-1","Token":""}}`
)

// bigText relays a message of 16 KiB, half of it not ASCII.
func bigText() string {
	return `{"Module":"chat","Action":"Send","Seq":7,"Data":{"to":"user:bob","type":"text","text":"` +
		strings.Repeat("hello, world; ", 600) + strings.Repeat("消息推送", 700) + `"}}`
}

func benchmarkInputs(b *testing.B, f func(b *testing.B, payload []byte)) {
	for _, in := range []struct{ name, text string }{
		{"heartbeat", heartBeatText}, {"login", loginText}, {"16KiB", bigText()},
	} {
		b.Run(in.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in.text)))
			f(b, []byte(in.text))
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	benchmarkInputs(b, func(b *testing.B, payload []byte) {
		var r codec.Request
		for b.Loop() {
			if err := codec.Decode(payload, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDecodeSonic is what Decode is weighed against: the same envelope by
// sonic alone, with the fewest copies it offers, and without our checks.
func BenchmarkDecodeSonic(b *testing.B) {
	type envelope struct {
		Module, Action string
		Seq            *uint32
		Data           sonic.NoCopyRawMessage
	}
	fast := sonic.Config{CaseSensitive: true}.Froze()
	benchmarkInputs(b, func(b *testing.B, payload []byte) {
		text := string(payload)
		for b.Loop() {
			var e envelope
			if err := fast.UnmarshalFromString(text, &e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDecodeSonicGet looks the keys up one by one with sonic's searcher.
func BenchmarkDecodeSonicGet(b *testing.B) {
	benchmarkInputs(b, func(b *testing.B, payload []byte) {
		text := string(payload)
		for b.Loop() {
			for _, key := range []string{"Module", "Action", "Seq", "Data"} {
				if _, err := sonic.GetFromString(text, key); err != nil && key < "Data" {
					b.Fatal(err)
				}
			}
		}
	})
}

type login struct {
	UserID   string `json:"UserId"`
	PlatID   string `json:"PlatId"`
	AppID    string `json:"AppId"`
	DeviceID string `json:"DeviceId"`
	Token    string
}

var loginData = []byte(`{"UserId":"alice","PlatId":"1","AppId":"shop","DeviceId":"d-1","Token":""}`)

func BenchmarkValidObject(b *testing.B) {
	big := []byte(bigText())
	for _, in := range []struct {
		name string
		data []byte
	}{{"login", loginData}, {"16KiB", big}} {
		b.Run(in.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in.data)))
			for b.Loop() {
				if err := codec.ValidObject(in.data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeData(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var v login
		if err := codec.DecodeData(loginData, &v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendHeartBeat(b *testing.B) {
	for _, in := range []struct {
		name string
		r    codec.Request
	}{{"plain", codec.Request{}}, {"seq", codec.Request{Seq: 70000, HasSeq: true}}} {
		b.Run(in.name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 128)
			for b.Loop() {
				buf = codec.AppendHeartBeat(buf[:0], &in.r)
			}
		})
	}
}

func BenchmarkAppendPing(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 128)
	r := codec.Request{Seq: 1, HasSeq: true}
	for b.Loop() {
		buf = codec.AppendPing(buf[:0], &r, 1793000000000)
	}
}

type loginReply struct {
	Session   string `json:"session"`
	User      string `json:"user"`
	Platform  string `json:"platform"`
	HeartBeat int    `json:"heartbeat"`
}

func BenchmarkAppendReply(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 512)
	r := codec.Request{Module: "robot", Action: "Login", Seq: 1, HasSeq: true}
	data := &loginReply{"s-1", "alice", "web", 60}
	for b.Loop() {
		var err error
		if buf, err = codec.AppendReply(buf[:0], &r, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendError(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 512)
	r := codec.Request{Module: "chat", Action: "Send", Seq: 1, HasSeq: true}
	err := codec.Errorf(codec.CodeForbidden, "not a member of this group")
	for b.Loop() {
		buf = codec.AppendError(buf[:0], &r, err)
	}
}

func BenchmarkPush(b *testing.B) {
	b.ReportAllocs()
	data := &loginReply{"s-1", "alice", "web", 60}
	message := codec.NewPushType[*loginReply]("chat", "Message", "")
	for b.Loop() {
		if _, err := message.With(data).Frame(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPushRaw(b *testing.B) {
	b.ReportAllocs()
	data := json.RawMessage(`{"title":"order shipped","url":"https://example.com/o/1","n":12345678901234567890}`)
	message := codec.NewRawPushType("push", "Message", "")
	for b.Loop() {
		if _, err := message.With(data).Frame(); err != nil {
			b.Fatal(err)
		}
	}
}
