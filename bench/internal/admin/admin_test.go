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
		_, _ = io.WriteString(w, `{"id":"1","sessions":3}`)
	})
	if n, err := c.Broadcast(t.Context(), []byte(`{"a":1}`)); err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := c.PushTopic(t.Context(), "news", []byte(`{"a":1}`)); err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := c.BareBroadcast(t.Context(), []byte(`x`)); err != nil {
		t.Error(err)
	}
	want := []string{
		`POST /api/broadcast Bearer secret application/json {"message":{"a":1}}`,
		`POST /api/push Bearer secret application/json {"message":{"a":1},"topics":["news"]}`,
		`POST /broadcast Bearer secret application/json x`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(got, "\n"))
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
		if _, err := c.Broadcast(t.Context(), []byte(`{}`)); err == nil {
			t.Errorf("%s: push taken", name)
		}
		if _, err := c.Heap(t.Context(), false); err == nil {
			t.Errorf("%s: heap taken", name)
		}
	}
	for _, bad := range []string{"", "127.0.0.1:1", "ws://x", "http://", "://"} {
		if _, err := admin.New(bad, ""); err == nil {
			t.Errorf("address %q is taken", bad)
		}
	}
}
