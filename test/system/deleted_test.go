package system

import (
	"net/http"
	"strings"
	"testing"
)

// do sends a request of any method to the admin listener.
func (s *server) do(method, path, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.Admin+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s", method, path, response.Status)
	}
}

// TestADeletedUsersGroups: who comes next under the name of a user that was
// deleted gets nothing of what the groups of that user say.
func TestADeletedUsersGroups(t *testing.T) {
	s := dev(t)
	alice, carol := s.login("alice", "web"), s.login("carol", "web")
	s.do(http.MethodPut, "/api/groups/team", `{"users":["alice","carol"]}`)
	said := func(text string) {
		alice.ok("chat", "Send", `{"to":"group:team","type":"text","text":"`+text+`"}`)
	}
	said("one")
	for carol.next().Data["text"] != "one" { // after the news that carol is in
	}
	s.do(http.MethodDelete, "/api/users/carol", "")
	carol.closed(4004)
	next := s.login("carol", "web")
	said("two")
	s.push("carol", `{"marker":true}`)
	if got := next.pushed(); got["marker"] != true {
		t.Errorf("got %v", got)
	}
	next.refused(403, "chat", "History", `{"conv":"g:team"}`)
}
