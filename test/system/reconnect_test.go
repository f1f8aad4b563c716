package system

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"pushd/internal/testwait"
	"pushd/test/internal/serverproc"
)

// TestTheLatestLoginStays: a client in a bad network dials again and again and
// gives up on all attempts but the last. None of those that it left may push the
// one that lives out, whichever the server gets done first.
func TestTheLatestLoginStays(t *testing.T) {
	const secret = "a-secret-of-the-tests-and-of-nothing-else"
	s := &server{serverproc.Start(t, "--auth.jwt.key", secret, "--admin-key", "tests"), t, "tests"}
	for round := range 20 {
		user := fmt.Sprintf("user-%d", round)
		token := sign(t, jwt.SigningMethodHS256, "", []byte(secret), claims(jwt.MapClaims{"sub": user}))
		hello := handshake("/ws", "Authorization", "Bearer "+token)
		for range 30 {
			conn, err := net.Dial("tcp", s.Listen)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = conn.Write([]byte(hello))
			conn.Close()
		}
		c := s.raw()
		c.write(hello)
		c.response()
		for c.next().Action != "Login" {
		}
		// Everything that was sent before has been dealt with when the server is
		// quiet and nothing waits for a worker.
		testwait.Until(t, "at most one connection and nothing that waits for a worker", func() [2]int {
			return [2]int{s.online().Connections, int(s.metric("pushd_worker_queue_length"))}
		}, func(now [2]int) bool { return now[0] <= 1 && now[1] == 0 })
		s.push(user, `{"still":"there"}`)
		if f, code := c.nextOrClose(); code != 0 || f.Data["still"] != "there" {
			t.Fatalf("round %d: the live connection was closed with %d; %s", round, code, strings.TrimSpace(f.Msg))
		}
		c.Close()
		s.empties()
	}
}
