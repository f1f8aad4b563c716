package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// The test binary stands in for the command: each peer needs a process, since
// some of the libraries can't be stopped.
func TestMain(m *testing.M) {
	if os.Getenv("PEERS_TEST") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const patience = 10 * time.Second

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs a peer until the test ends.
func start(t *testing.T, name string) (public, admin string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	public, admin = freeAddr(t), freeAddr(t)
	cmd := exec.Command(self, name, "--listen", public, "--admin-listen", admin)
	cmd.Env = append(os.Environ(), "PEERS_TEST=1")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("ended with %v\n%s", err, &log)
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			t.Error("an interrupt doesn't end it")
		}
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get("http://" + admin + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return public, admin
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %v", err)
		}
	}
}

type client struct {
	net.Conn
	io.Reader
}

func (c client) Read(b []byte) (int, error) { return c.Reader.Read(b) }

func dial(t *testing.T, addr string) client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, br, _, err := ws.Dial(ctx, "ws://"+addr+"/ws")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if br != nil {
		return client{conn, br}
	}
	return client{conn, conn}
}

func (c client) want(t *testing.T, text string) {
	t.Helper()
	got, err := wsutil.ReadServerText(c)
	if err != nil || string(got) != text {
		t.Fatalf("%.40q (%d bytes), %v; want %.40q (%d)", got, len(got), err, text, len(text))
	}
}

func TestEveryPeerEchoesAndBroadcasts(t *testing.T) {
	for name := range peers {
		if name == "centrifuge" {
			continue // it speaks a protocol of its own, see below
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			public, admin := start(t, name)
			a, b := dial(t, public), dial(t, public)
			for _, text := range []string{"x", strings.Repeat("y", 125), strings.Repeat("z", 10<<10), strings.Repeat("w", 100<<10)} {
				if err := wsutil.WriteClientText(a, []byte(text)); err != nil {
					t.Fatal(err)
				}
				a.want(t, text)
			}
			// Two frames in one segment, the second cut in the middle.
			two := append(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte("one")))), ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte("two"))))...)
			for _, part := range [][]byte{two[:12], two[12:]} {
				if _, err := a.Write(part); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			a.want(t, "one")
			a.want(t, "two")
			if err := ws.WriteFrame(a, ws.MaskFrame(ws.NewPingFrame([]byte("p")))); err != nil {
				t.Fatal(err)
			}
			pong := make([]byte, 3)
			if _, err := io.ReadFull(a, pong); err != nil || string(pong) != "\x8a\x01p" {
				t.Fatalf("ping: %x, %v", pong, err)
			}
			if err := wsutil.WriteClientText(b, []byte("b is there")); err != nil {
				t.Fatal(err)
			}
			b.want(t, "b is there")
			resp, err := http.Post("http://"+admin+"/broadcast", "text/plain", strings.NewReader("first\nsecond\n"+strings.Repeat("t", 300)))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%v, %v", resp, err)
			}
			resp.Body.Close()
			for _, c := range []client{a, b} {
				c.want(t, "first")
				c.want(t, "second")
				c.want(t, strings.Repeat("t", 300))
			}
			if err := ws.WriteFrame(a, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(a); err != nil {
				t.Errorf("the server doesn't close: %v", err)
			}
		})
	}
}

func TestCentrifuge(t *testing.T) {
	public, admin := start(t, "centrifuge")
	c := dial(t, public)
	for _, exchange := range [][2]string{
		{`{"id":1,"connect":{"token":"bob"}}`, `"connect":{`},
		{`{"id":2,"rpc":{"method":"","data":{"a":1}}}`, `{"id":2,"rpc":{"data":{"a":1}}}`},
	} {
		if err := wsutil.WriteClientText(c, []byte(exchange[0])); err != nil {
			t.Fatal(err)
		}
		if got, err := wsutil.ReadServerText(c); err != nil || !strings.Contains(string(got), exchange[1]) {
			t.Fatalf("%s: %s, %v", exchange[0], got, err)
		}
	}
	resp, err := http.Post("http://"+admin+"/broadcast", "text/plain", strings.NewReader(`{"b":2}`))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	c.want(t, `{"push":{"channel":"all","pub":{"data":{"b":2}}}}`)
}

func TestTooMuchIsRefused(t *testing.T) {
	h := admin(nil, "")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/broadcast", bytes.NewReader(make([]byte, maxBroadcast+1))))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", w.Code)
	}
	if _, _, err := parse([]byte{0x81, 0x01, 'x', 0, 0, 0}); err == nil {
		t.Error("a frame without a mask is taken")
	}
	if _, _, err := parse([]byte{0x81, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err == nil {
		t.Error("a frame of 2^63 bytes is taken")
	}
	if _, _, err := upgrade(nil, make([]byte, maxHead+1)); err == nil {
		t.Error("a head without end is taken")
	}
	if _, _, err := upgrade(nil, []byte("GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")); err == nil {
		t.Error("a handshake without a key is taken")
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"gws"}, {"none", "--listen", "x", "--admin-listen", "y"}} {
		if err := run(args); err == nil || !strings.Contains(err.Error(), "usage") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
