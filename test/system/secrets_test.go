package system

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"pushd/test/internal/serverproc"
)

// TestAdminListener is closed without a key, also on loopback, and doesn't open
// on another address unless one is configured.
func TestAdminListener(t *testing.T) {
	for name, flags := range map[string][]string{
		"no key":                     {"--admin-listen", "0.0.0.0:0"},
		"every address":              {"--admin-listen", ":0"},
		"the key of dev mode":        {"--dev", "--admin-listen", "0.0.0.0:0"},
		"a key too short to hold":    {"--admin-listen", "0.0.0.0:0", "--admin-key", "short"},
		"IPv6's every address":       {"--admin-listen", "[::]:0"},
		"a name that may be another": {"--admin-listen", "example.com:0"},
	} {
		s := serverproc.StartWith(t, serverproc.Options{Fails: true}, flags...)
		if s.Listen != "" {
			t.Errorf("%s: it serves on %s", name, s.Admin)
			s.Stop(t)
		} else if s.Wait(t) == nil || !strings.Contains(s.Log(), "admin") {
			t.Errorf("%s: %v %s", name, s.Wait(t), s.Log())
		}
	}
	s := &server{serverproc.Start(t, "--admin-listen", "0.0.0.0:0", "--admin-key", "sixteen-bytes-and-more"), t, ""}
	for _, key := range []string{"", "dev", "sixteen-bytes-and-mor", "sixteen-bytes-and-more "} {
		s.key = key
		for _, path := range []string{"/api/online", "/metrics", "/debug/pprof/goroutine", "/debug/check", "/openapi.yaml", "/docs"} {
			if status, _ := s.api(path, ""); status != http.StatusUnauthorized && !strings.HasSuffix(key, " ") {
				t.Errorf("%s with the key %q: %d", path, key, status)
			}
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/version"} {
		if status, _ := s.api(path, ""); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestSecretsStayInside looks for every secret of a busy server in all that it
// says: log, metrics, profiles, error replies, and what its commands print.
func TestSecretsStayInside(t *testing.T) {
	const (
		jwtKey   = "jwt-secret-7f3a9c51e8b24d60-and-32-bytes"
		adminKey = "admin-secret-5d0b7e92"
		shopKey  = "shop-secret-c81f4e6d3a"
	)
	dir := t.TempDir()
	config := filepath.Join(dir, "pushd.yaml")
	if err := os.WriteFile(config, []byte("auth: {query-token: true, jwt: {key: "+jwtKey+"}}\nadmin-key: "+adminKey+
		"\nadmin: {keys: [{name: shop, secret: "+shopKey+", scopes: [push]}]}\nlog: {level: debug, requests: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{serverproc.Start(t, "--config", config), t, adminKey}
	good := sign(t, jwt.SigningMethodHS256, "", []byte(jwtKey), claims(nil))
	bad := sign(t, jwt.SigningMethodHS256, "", []byte("another-secret-that-is-long-enough-here"), claims(nil))
	secrets := []string{jwtKey, adminKey, shopKey, "wrong-key-of-a-backend"}
	for _, token := range []string{good, bad} {
		// Its parts count too: the signature alone, or the claims.
		secrets = append(secrets, strings.Split(token, ".")[1:]...)
	}
	var said []string
	say := func(what, text string) { said = append(said, what, text) }

	// Tokens are in flight all the while.
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, token := range []string{good, bad} {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				c := s.dial("Sec-WebSocket-Protocol", "pushd.v1, pushd.token."+token)
				c.Close()
				c = s.raw()
				c.write(handshake("/ws?token=" + token))
				c.response()
				c.send(request("robot", "Login", loginData(token)))
				_, _ = c.r.Peek(64)
				c.Close()
			}
		})
	}
	for range 10 {
		for _, path := range []string{"/metrics", "/debug/pprof/goroutine?debug=2", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline", "/debug/pprof/heap?debug=1", "/api/online/users/alice", "/version", "/openapi.yaml"} {
			_, reply := s.api(path, "")
			say(path, reply)
		}
		s.key = "wrong-key-of-a-backend"
		_, reply := s.api("/api/push?token="+good, `{"users":["alice"],"message":{}}`)
		say("a refused push", reply)
		s.key = shopKey
		_, reply = s.api("/api/kick", `{"user":"alice"}`)
		say("a kick out of scope", reply)
		_, reply = s.api("/api/push", `{"userss":"`+good+`"}`)
		say("a misspelt push", reply)
		s.key = adminKey
	}
	close(done)
	wg.Wait()
	for _, token := range []string{good, bad} {
		c := s.raw()
		c.write("GET /page?token=" + token + " HTTP/1.1\r\nHost: push.test\r\nConnection: close\r\n\r\n")
		c.response()
	}
	for _, args := range [][]string{{"config", "check", "--config", config}, {"serve", "--config", config, "--listen", "nonsense"}, {"serve", "--config", config, "--auth.jwt.key", jwtKey[:20]}} {
		out, _ := serverproc.Command(t, args...).CombinedOutput() // what it says is looked at, whether it worked or not
		say(strings.Join(args[:2], " "), string(out))
	}
	s.Stop(t)
	say("the log", s.Log())
	for i := 0; i < len(said); i += 2 {
		for _, secret := range secrets {
			if at := strings.Index(said[i+1], secret); at >= 0 {
				t.Errorf("%s holds %q: …%.300s", said[i], secret, said[i+1][max(0, at-150):])
			}
		}
	}
}
