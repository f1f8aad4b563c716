// Package protocol is what the load client speaks over the WebSocket: frames of
// PROTOCOL's robot and topic modules, prebuilt and masked, and a scanner that
// finds the keys of a reply without decoding it. It knows no socket.
package protocol

import (
	"encoding/json"
	"fmt"
	"strings"

	"pushd/bench/internal/wire"
)

// FirstSeq is the number that a Numbered frame starts from: all numbers up to
// the largest 32-bit one then have as many digits as this.
const FirstSeq = 1_000_000_000

// MaxSeq is the number of different numbers a Numbered frame can carry.
const MaxSeq = 1<<32 - FirstSeq

const seqDigits = 10

// Numbered is a masked frame whose payload holds one number that is changed in
// place, so that a numbered request costs ten bytes of work.
type Numbered struct {
	frame   []byte
	digits  int // offset of the number in frame
	payload int // offset of the payload in frame
}

func newNumbered(payload string) *Numbered {
	at := strings.Index(payload, fmt.Sprint(FirstSeq))
	frame := wire.AppendMasked(nil, wire.Text, []byte(payload))
	head := len(frame) - len(payload)
	return &Numbered{frame: frame, digits: head + at, payload: head}
}

// With is the frame with number i, counted from 0. It is valid until the next call.
func (n *Numbered) With(i uint32) []byte {
	mask := n.frame[n.payload-4 : n.payload]
	v := FirstSeq + i
	for d := seqDigits - 1; d >= 0; d-- {
		at := n.digits + d
		n.frame[at] = byte('0'+v%10) ^ mask[(at-n.payload)&3]
		v /= 10
	}
	return n.frame
}

// Is tells whether payload is what With(i) says, as an echo server sends it back.
func (n *Numbered) Is(payload []byte, i uint32) bool {
	frame := n.With(i)[n.payload:]
	if len(frame) != len(payload) {
		return false
	}
	mask := n.frame[n.payload-4 : n.payload]
	for k, c := range payload {
		if frame[k]^mask[k&3] != c {
			return false
		}
	}
	return true
}

// NewPing is robot.Ping with a Seq and pad bytes of data that the server ignores.
func NewPing(pad int) *Numbered {
	data := ""
	if pad > 0 {
		data = `,"Data":{"pad":"` + strings.Repeat("x", pad) + `"}`
	}
	return newNumbered(fmt.Sprintf(`{"Module":"robot","Action":"Ping","Seq":%d%s}`, FirstSeq, data))
}

// Centrifugo's JSON protocol: several objects in one message are divided by line
// feeds, and an empty object is a ping that wants the same back.

// CentrifugoConnect is the login of Centrifugo's protocol; the token is the
// user, which bench/peers takes at its word.
func CentrifugoConnect(user string) ([]byte, error) {
	payload, err := json.Marshal(map[string]any{"id": 1, "connect": map[string]string{"token": user}})
	if err != nil {
		return nil, fmt.Errorf("encode connect: %w", err)
	}
	return wire.AppendMasked(nil, wire.Text, payload), nil
}

// CentrifugoPong answers Centrifugo's ping.
func CentrifugoPong() []byte { return wire.AppendMasked(nil, wire.Text, []byte("{}")) }

// NewCentrifugoRPC is a request of Centrifugo's with pad bytes in it.
func NewCentrifugoRPC(pad int) *Numbered {
	return newNumbered(fmt.Sprintf(`{"id":%d,"rpc":{"method":"","data":{"pad":"%s"}}}`, FirstSeq, strings.Repeat("x", pad)))
}

// minEcho is the shortest payload that holds a number.
const minEcho = seqDigits

// NewEcho is a bare payload of size bytes with a number in it.
func NewEcho(size int) (*Numbered, error) {
	if size < minEcho || size > 1<<16 {
		return nil, fmt.Errorf("echo payload of %d bytes: must be %d to 65536", size, minEcho)
	}
	return newNumbered(fmt.Sprint(FirstSeq) + strings.Repeat("x", size-minEcho)), nil
}

// HeartBeat is robot.HeartBeat without a Seq.
func HeartBeat() []byte {
	return wire.AppendMasked(nil, wire.Text, []byte(`{"Module":"robot","Action":"HeartBeat"}`))
}

// NativePing is a masked ping frame: the heartbeat of servers without one.
func NativePing() []byte { return wire.AppendMasked(nil, wire.Ping, nil) }

// Login is robot.Login. An empty token is left out.
func Login(user, platform, token string) ([]byte, error) {
	return request("robot", "Login", struct {
		UserID string `json:"UserId"`
		PlatID string `json:"PlatId"`
		Token  string `json:"Token,omitempty"`
	}{user, platform, token})
}

// Subscribe is topic.Subscribe.
func Subscribe(topic string) ([]byte, error) {
	return request("topic", "Subscribe", struct {
		Topic string `json:"topic"`
	}{topic})
}

// ChatSend is chat.Send of a text, with a Seq.
func ChatSend(seq uint32, to, text, clientID string) ([]byte, error) {
	payload, err := json.Marshal(struct {
		Module, Action string
		Seq            uint32
		Data           any
	}{"chat", "Send", seq, struct {
		To       string `json:"to"`
		Type     string `json:"type"`
		Text     string `json:"text"`
		ClientID string `json:"client_id"`
	}{to, "text", text, clientID}})
	if err != nil {
		return nil, fmt.Errorf("encode chat.Send: %w", err)
	}
	return wire.AppendMasked(nil, wire.Text, payload), nil
}

func request(module, action string, data any) ([]byte, error) {
	payload, err := json.Marshal(struct{ Module, Action, Data any }{module, action, data})
	if err != nil {
		return nil, fmt.Errorf("encode %s.%s: %w", module, action, err)
	}
	return wire.AppendMasked(nil, wire.Text, payload), nil
}
