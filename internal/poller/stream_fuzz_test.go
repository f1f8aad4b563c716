package poller_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"pushd/internal/poller"
)

// FuzzStream sends bytes to a live server behind a good handshake, cut in two,
// and checks what comes back: only whole, unmasked frames, each text among them
// UTF-8, and at the end a Close frame or the end of the stream. Echoes must be
// the same as when the bytes come in one piece.
func FuzzStream(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add(text("hello"), 3)
	f.Add(append(frame(false, ws.OpText, []byte("a")), frame(true, ws.OpContinuation, []byte("b"))...), 8)
	f.Add(frame(true, ws.OpClose, ws.NewCloseFrameBody(1000, "x")), 1)
	f.Add([]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, 5)
	f.Add([]byte{0x81, 0xfe, 0x00, 0x7e, 1, 2, 3, 4, 5}, 2)
	f.Add(frame(true, ws.OpText, []byte{0xe6, 0x97}), 2)
	f.Add(append(frame(false, ws.OpText, []byte{0xe6, 0x97}), frame(true, ws.OpPing, []byte("p"))...), 9)
	s := start(f, hooks{message: echo}, poller.Options{MaxMessage: 4096, MaxFragments: 16, CloseTimeout: 250 * time.Millisecond})
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		if len(data) > 16<<10 {
			return
		}
		cut = min(max(cut, 0), len(data))
		whole := exchange(t, s.addr, data)
		parts := exchange(t, s.addr, data[:cut], data[cut:])
		if !bytes.Equal(whole, parts) {
			t.Fatalf("in one piece: %q\nin two at %d: %q", whole, cut, parts)
		}
		for r := bytes.NewReader(whole); r.Len() > 0; {
			fr, err := readFrame(r)
			if err != nil {
				t.Fatalf("the answer ends inside a frame: %q", whole)
			}
			if fr.Header.Masked || fr.Header.Rsv != 0 || fr.Header.OpCode == ws.OpText && !utf8.Valid(fr.Payload) {
				t.Fatalf("bad frame %+v %q", fr.Header, fr.Payload)
			}
			if fr.Header.OpCode == ws.OpClose && r.Len() > 0 {
				t.Fatalf("bytes after Close: %q", whole)
			}
		}
	})
}

// exchange sends the parts behind a handshake, ends its side, and returns what
// came behind the answer to the handshake.
func exchange(t *testing.T, addr string, parts ...[]byte) []byte {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(append([]byte(request()), parts[0]...)); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts[1:] {
		time.Sleep(time.Millisecond)
		if _, err := conn.Write(p); err != nil {
			break // refused after the first part; the answer says why
		}
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	all, _ := io.ReadAll(conn)
	_, answer, ok := bytes.Cut(all, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no answer to the handshake: %q", all)
	}
	return answer
}
