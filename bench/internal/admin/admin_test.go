package admin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"strings"
	"testing"

	"pushd/bench/internal/admin"
)

func client(t *testing.T, h http.HandlerFunc) *admin.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := admin.New(s.URL+"/", "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestPushesAreWhatTheAPIAsksFor(t *testing.T) {
	var got []string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Content-Type")+" "+string(b))
		_, _ = io.WriteString(w, `{"id":"1","sessions":3,"results":[{"id":"1"},{"id":"2"}]}`)
	})
	one := []byte(`{"a":1}`)
	for _, pushes := range [][]admin.Push{
		{{Everyone: true, Message: one}},
		{{Topic: "news", Message: one}},
		{{User: "bob", Message: one}, {Everyone: true, Message: one}},
	} {
		if err := c.Push(t.Context(), pushes); err != nil {
			t.Error(err)
		}
	}
	if err := c.BareBroadcast(t.Context(), [][]byte{[]byte("x"), []byte("y")}); err != nil {
		t.Error(err)
	}
	want := []string{
		`POST /api/broadcast Bearer secret application/json {"message":{"a":1}}`,
		`POST /api/push Bearer secret application/json {"topics":["news"],"message":{"a":1}}`,
		`POST /api/batch Bearer secret application/json {"items":[{"users":["bob"],"message":{"a":1}},{"everyone":true,"message":{"a":1}}]}`,
		"POST /broadcast Bearer secret application/json x\ny",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestWhatTheServerCounts(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, map[string]string{
			"/readyz":     "ok",
			"/api/push":   `{"sessions":2}`,
			"/api/online": `{"connections":5,"sessions":4,"users":3}`,
		}[r.URL.Path])
	})
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := c.PushOne(t.Context(), admin.Push{User: "bob", Message: []byte(`{}`)}); err != nil || n != 2 {
		t.Errorf("%d sessions, %v", n, err)
	}
	if o, err := c.Online(t.Context()); err != nil || o != (admin.Online{Connections: 5, Sessions: 4, Users: 3}) {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestHeapFiguresComeFromTheProfile(t *testing.T) {
	c := client(t, pprof.Index)
	h, err := c.Heap(t.Context(), true)
	if err != nil || h.Objects == 0 || h.InUse == 0 || h.StackInUse == 0 || h.Mallocs < h.Objects {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestRepliesThatAreNoAnswer(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"refused":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such key", http.StatusUnauthorized) },
		"not JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "HeapObjects") },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "# HeapObjects = x\n")
		},
	} {
		c := client(t, h)
		push := admin.Push{Everyone: true, Message: []byte(`{}`)}
		if c.Push(t.Context(), []admin.Push{push}) == nil || c.Push(t.Context(), []admin.Push{push, push}) == nil {
			t.Errorf("%s: push taken", name)
		}
		if _, err := c.Online(t.Context()); err == nil {
			t.Errorf("%s: who is online taken", name)
		}
		if _, err := c.Heap(t.Context(), false); err == nil {
			t.Errorf("%s: heap taken", name)
		}
	}
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"results":[{"id":"1"},{"error":{"code":503,"message":"busy"}}]}`)
	})
	push := admin.Push{Everyone: true, Message: []byte(`{}`)}
	if err := c.Push(t.Context(), []admin.Push{push, push}); err == nil || !strings.Contains(err.Error(), "busy") {
		t.Errorf("an item that failed: %v", err)
	}
	if err := c.Push(t.Context(), []admin.Push{push, push, push}); err == nil {
		t.Error("a batch of which one item wasn't answered is taken")
	}
	for _, bad := range []string{"", "127.0.0.1:1", "ws://x", "http://", "://"} {
		if _, err := admin.New(bad, ""); err == nil {
			t.Errorf("address %q is taken", bad)
		}
	}
}
