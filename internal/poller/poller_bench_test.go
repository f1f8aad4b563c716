package poller_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gobwas/ws"

	"pushd/internal/poller"
)

// BenchmarkHandshake dials, upgrades and resets.
func BenchmarkHandshake(b *testing.B) {
	s := start(b, hooks{}, poller.Options{})
	req := []byte(request())
	buf := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Write(req); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(buf); err != nil {
			b.Fatal(err)
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// BenchmarkEcho sends a burst of frames and reads their echoes; the allocations
// are the loop's, since the client has its buffers ready.
func BenchmarkEcho(b *testing.B) {
	for _, burst := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("burst=", burst), func(b *testing.B) {
			s := start(b, hooks{message: echo}, poller.Options{})
			c := s.open()
			_ = c.SetDeadline(never)
			out := bytes.Repeat(text("0123456789012345678901234567890123456789012345678901234567890123"), burst)
			in := make([]byte, burst*(64+2))
			b.ReportAllocs()
			b.SetBytes(int64(len(out)))
			for b.Loop() {
				c.send(out)
				if _, err := io.ReadFull(c.br, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFrameParse cuts frames of several sizes from one buffer.
func BenchmarkFrameParse(b *testing.B) {
	for _, size := range []int{16, 125, 1024, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			one := frame(true, ws.OpText, bytes.Repeat([]byte("x"), size))
			f := poller.NewFeeder(func([]byte) {})
			defer f.Close()
			input := make([]byte, len(one))
			b.ReportAllocs()
			b.SetBytes(int64(len(one)))
			for b.Loop() {
				copy(input, one) // unmasked in place
				f.Feed(input)
			}
		})
	}
}
