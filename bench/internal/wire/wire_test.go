package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"pushd/bench/internal/wire"
)

const limit = 1 << 20

// reply is what a right server answers to wire.Request.
func reply(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	conn := struct {
		*bytes.Buffer
		*bytes.Reader
	}{&out, bytes.NewReader(wire.Request("127.0.0.1:1", "/ws"))}
	if _, err := (ws.Upgrader{}).Upgrade(readWriter{conn.Reader, conn.Buffer}); err != nil {
		t.Fatalf("a server refuses the request: %v", err)
	}
	return out.Bytes()
}

type readWriter struct {
	*bytes.Reader
	out *bytes.Buffer
}

func (rw readWriter) Write(b []byte) (int, error) { return rw.out.Write(b) }

func frame(op ws.OpCode, fin bool, payload []byte) []byte {
	var b bytes.Buffer
	if err := ws.WriteFrame(&b, ws.NewFrame(op, fin, payload)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func feed(chunks [][]byte) (got []string, err error) {
	var s wire.Stream
	for _, c := range chunks {
		// The loop reuses its buffer, so a stream that kept a reference would see it overwritten.
		c = bytes.Clone(c)
		err = s.Feed(c, limit, func(m wire.Message) error {
			got = append(got, fmt.Sprintf("%x:%d:%.40s", m.Opcode, len(m.Payload), m.Payload))
			return nil
		})
		clear(c)
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

func TestEverySplitGivesTheSameMessages(t *testing.T) {
	var stream []byte
	stream = append(stream, reply(t)...)
	stream = append(stream, frame(ws.OpText, true, []byte("first"))...)
	stream = append(stream, frame(ws.OpText, false, []byte("frag "))...)
	stream = append(stream, frame(ws.OpPing, true, []byte("between"))...)
	stream = append(stream, frame(ws.OpContinuation, true, []byte("mented"))...)
	stream = append(stream, frame(ws.OpText, true, nil)...)
	stream = append(stream, frame(ws.OpText, true, bytes.Repeat([]byte("m"), 300))...)
	stream = append(stream, frame(ws.OpClose, true, []byte{3, 232})...)
	want := []string{
		"ff:0:", "1:5:first", "9:7:between", "1:11:frag mented", "1:0:",
		"1:300:" + strings.Repeat("m", 40), "8:2:\x03\xe8",
	}
	check := func(name string, chunks [][]byte) {
		t.Helper()
		got, err := feed(chunks)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	check("whole", [][]byte{stream})
	for i := range stream {
		check(fmt.Sprint("cut at ", i), [][]byte{stream[:i], stream[i:]})
		for j := i; j < len(stream); j += 7 {
			check(fmt.Sprint("cut at ", i, j), [][]byte{stream[:i], stream[i:j], stream[j:]})
		}
	}
	var bytewise [][]byte
	for i := range stream {
		bytewise = append(bytewise, stream[i:i+1])
	}
	check("byte by byte", bytewise)
}

func TestLongFramesAreRead(t *testing.T) {
	for _, n := range []int{125, 126, 65535, 65536, limit} {
		b := append(reply(t), frame(ws.OpBinary, true, bytes.Repeat([]byte("x"), n))...)
		got, err := feed([][]byte{b[:len(b)-1], b[len(b)-1:]})
		if err != nil || len(got) != 2 {
			t.Errorf("%d bytes: %v, %v", n, got, err)
		}
	}
}

func TestFramesAServerMayNotSend(t *testing.T) {
	text := string(frame(ws.OpText, false, []byte("a")))
	for name, b := range map[string]string{
		"masked":                   string(wire.AppendMasked(nil, wire.Text, []byte("x"))),
		"reserved bit":             "\xc1\x00",
		"reserved opcode":          "\x83\x00",
		"long control":             "\x89\x7e\x00\x7e",
		"fragmented control":       "\x09\x00",
		"length not shortest, 16":  "\x81\x7e\x00\x01a",
		"length not shortest, 64":  "\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01a",
		"over the limit":           "\x81\x7f\x00\x00\x00\x00\x40\x00\x00\x00",
		"top bit of length":        "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
		"continuation at first":    "\x80\x01a",
		"text inside a message":    text + "\x81\x01a",
		"bad UTF-8":                "\x81\x02\xc3\x28",
		"bad UTF-8 over fragments": string(frame(ws.OpText, false, []byte{0xc3})) + "\x80\x01\x28",
	} {
		_, err := feed([][]byte{append(reply(t), b...)})
		if !errors.Is(err, wire.ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFragmentsAreBoundedTogether(t *testing.T) {
	half := bytes.Repeat([]byte("x"), limit/2+1)
	b := append(reply(t), frame(ws.OpText, false, half)...)
	_, err := feed([][]byte{b, frame(ws.OpContinuation, true, half)})
	if !errors.Is(err, wire.ErrProtocol) {
		t.Errorf("%v", err)
	}
}

func TestHandshakeReplies(t *testing.T) {
	good := string(reply(t))
	for name, c := range map[string]struct {
		reply  string
		status int
		ok     bool
	}{
		"right":             {good, 0, true},
		"other case":        {strings.NewReplacer("Upgrade:", "UPGRADE:", "Connection: Upgrade", "connection: keep-alive, upgrade").Replace(good), 0, true},
		"refused":           {"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n", 503, false},
		"no accept":         {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 0, false},
		"wrong accept":      {strings.Replace(good, "Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x", 1), 0, false},
		"not HTTP":          {"hello\r\n\r\n", 0, false},
		"header, no colon":  {strings.Replace(good, "\r\n\r\n", "\r\nnonsense\r\n\r\n", 1), 0, false},
		"without end":       {"HTTP/1.1 101 x\r\n" + strings.Repeat("a: b\r\n", 2000), 0, false},
		"unasked extension": {strings.Replace(good, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1), 0, false},
	} {
		got, err := feed([][]byte{[]byte(c.reply)})
		var refused *wire.HandshakeError
		switch {
		case c.ok && (err != nil || len(got) != 1):
			t.Errorf("%s: %q, %v", name, got, err)
		case !c.ok && (!errors.As(err, &refused) || refused.Status != c.status):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMaskedFramesAreWhatServersRead(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte("abc"), n)[:n]
		frame := wire.AppendMasked(nil, wire.Text, payload)
		r := bytes.NewReader(frame)
		h, err := ws.ReadHeader(r)
		if err != nil || !h.Masked || !h.Fin || h.OpCode != ws.OpText || int(h.Length) != r.Len() {
			t.Fatalf("%d bytes: %+v, %v", n, h, err)
		}
		got := frame[len(frame)-r.Len():]
		ws.Cipher(got, h.Mask, 0)
		if !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: payload differs", n)
		}
	}
}

func TestFeedStopsWhenTold(t *testing.T) {
	var s wire.Stream
	n := 0
	b := append(reply(t), frame(ws.OpText, true, []byte("a"))...)
	err := s.Feed(append(b, b...), limit, func(m wire.Message) error { n++; return wire.ErrStop })
	if !errors.Is(err, wire.ErrStop) || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
}

func TestWholeFramesAllocateNothing(t *testing.T) {
	var s wire.Stream
	emit := func(wire.Message) error { return nil }
	if err := s.Feed(reply(t), limit, emit); err != nil {
		t.Fatal(err)
	}
	b := frame(ws.OpText, true, []byte("hello"))
	if n := testing.AllocsPerRun(100, func() { _ = s.Feed(b, limit, emit) }); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("\x81\x01a"), 1)
	f.Add([]byte("\x01\x01a\x89\x00\x80\x01b"), 3)
	f.Add([]byte("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), 5)
	head := reply(f)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		b = append(bytes.Clone(head), b...)
		whole, errWhole := feed([][]byte{b})
		if cut < 0 || cut > len(b) {
			return
		}
		split, errSplit := feed([][]byte{b[:cut], b[cut:]})
		if fmt.Sprint(whole) != fmt.Sprint(split) || fmt.Sprint(errWhole) != fmt.Sprint(errSplit) {
			t.Fatalf("cut at %d: %q %v, whole: %q %v", cut, split, errSplit, whole, errWhole)
		}
	})
}
