package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pushd/internal/webhook"
)

func TestCallIsSigned(t *testing.T) {
	former, current := webhook.NewSecret(), webhook.NewSecret()
	secret, err := webhook.ParseSecret(current + " " + former)
	if err != nil {
		t.Fatal(err)
	}
	var good atomic.Int32
	url := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if verify(t, current, r, body) && verify(t, former, r, body) && !verify(t, webhook.NewSecret(), r, body) &&
			!verify(t, current, r, append(body, ' ')) && r.Method == "POST" &&
			r.Header.Get("Content-Type") == "application/json" && r.Header.Get("webhook-id") == "id-1" {
			good.Add(1)
		}
		_, _ = w.Write([]byte(`{"ok":true}`))
	})
	c, m, log := newClient(t, webhook.Options{URL: url + "/path?token=in-the-address", Secret: secret})
	reply, err := c.Call(t.Context(), "id-1", []byte(`{"a":1}`))
	if err != nil || string(reply) != `{"ok":true}` || good.Load() != 1 {
		t.Errorf("reply %q, %v, %d good", reply, err, good.Load())
	}
	wantMetric(t, m, `pushd_webhook_duration_seconds_count{endpoint="test",outcome="ok"} 1`)
	if s := log.String() + fmt.Sprintf("%v %+v %x", secret, secret, secret); strings.Contains(s, "whsec_") || strings.Contains(s, "in-the-address") {
		t.Errorf("a secret is shown: %s", s)
	}
}

func TestUnsigned(t *testing.T) {
	url := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if _, there := r.Header["Webhook-Signature"]; there || r.Header.Get("webhook-id") == "" {
			w.WriteHeader(400)
		}
	})
	c, _, _ := newClient(t, webhook.Options{URL: url})
	if _, err := c.Call(t.Context(), "id", []byte(`{}`)); err != nil {
		t.Error(err)
	}
}

func TestOutcomes(t *testing.T) {
	followed := make(chan struct{}, 1)
	stop := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { followed <- struct{}{} })
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(422) })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(429)
	})
	mux.HandleFunc("/forever", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "99999999")
		w.WriteHeader(503)
	})
	mux.HandleFunc("/broken", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 101)) })
	mux.HandleFunc("/just", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100)) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	url := backend(t, mux.ServeHTTP)
	t.Cleanup(func() { close(stop) })
	for _, c := range []struct {
		path, outcome string
		status        int
		retry         bool
		after         time.Duration
	}{
		{"/just", "", 0, false, 0},
		{"/redirect", webhook.OutcomeRefused, 307, false, 0},
		{"/refused", webhook.OutcomeRefused, 422, false, 0},
		{"/busy", webhook.OutcomeStatus, 429, true, 7 * time.Second},
		{"/forever", webhook.OutcomeStatus, 503, true, 5 * time.Minute},
		{"/broken", webhook.OutcomeNetwork, 0, true, 0},
		{"/long", webhook.OutcomeTooLarge, 0, false, 0},
		{"/slow", webhook.OutcomeTimeout, 0, true, 0},
	} {
		t.Run(c.path, func(t *testing.T) {
			o := webhook.Options{URL: url + c.path, MaxReply: 100}
			if c.path == "/slow" {
				o.Timeout = 50 * time.Millisecond
			}
			client, _, _ := newClient(t, o)
			_, err := client.Call(t.Context(), "id", []byte(`{}`))
			if c.outcome == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f, ok := errors.AsType[*webhook.CallError](err)
			if !ok || f.Outcome != c.outcome || f.Status != c.status || f.Retry != c.retry || f.After != c.after {
				t.Errorf("got %+v, want %+v", f, c)
			}
		})
	}
	if len(followed) != 0 {
		t.Error("a redirect was followed")
	}
}

func TestNobodyThere(t *testing.T) {
	c, _, log := newClient(t, webhook.Options{URL: "http://127.0.0.1:1/secret-path"})
	var outcomes []string
	for range 20 {
		_, err := c.Call(t.Context(), "id", nil)
		f, _ := errors.AsType[*webhook.CallError](err)
		outcomes = append(outcomes, f.Outcome)
		if strings.Contains(err.Error(), "secret-path") {
			t.Errorf("the error names the address: %v", err)
		}
	}
	got := strings.Join(outcomes, " ")
	if !strings.HasPrefix(got, strings.Repeat("network ", 5)) || !strings.Contains(got, "open") {
		t.Errorf("got %s", got)
	}
	if n := strings.Count(log.String(), "webhook failed"); n != 1 || strings.Contains(log.String(), "secret-path") {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestBreakerClosesAgain(t *testing.T) {
	var down atomic.Bool
	var calls atomic.Int32
	down.Store(true)
	url := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		if down.Load() {
			w.WriteHeader(500)
		}
	})
	c, _, _ := newClient(t, webhook.Options{URL: url})
	for range 50 {
		_, _ = c.Call(t.Context(), "id", nil)
	}
	// Five open it; on a machine that stands still for a while, a probe may be due.
	if n := calls.Load(); n < 5 || n > 10 {
		t.Errorf("%d of 50 calls reached a backend that is down", n)
	}
	down.Store(false)
	for {
		_, err := c.Call(soon(t), "id", nil)
		if err == nil {
			break
		}
		f, _ := errors.AsType[*webhook.CallError](err)
		if f.Outcome != webhook.OutcomeOpen || f.After <= 0 {
			t.Fatalf("%+v", f)
		}
		time.Sleep(f.After)
	}
	if _, err := c.Call(t.Context(), "id", nil); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

func TestRefusalsDoNotOpenTheBreaker(t *testing.T) {
	url := backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	c, _, _ := newClient(t, webhook.Options{URL: url})
	for range 20 {
		_, err := c.Call(t.Context(), "id", nil)
		if f, _ := errors.AsType[*webhook.CallError](err); f.Outcome != webhook.OutcomeRefused {
			t.Fatalf("%+v", f)
		}
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	var now, most atomic.Int32
	url := backend(t, func(http.ResponseWriter, *http.Request) {
		for n := now.Add(1); ; {
			if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
	})
	c, _, _ := newClient(t, webhook.Options{URL: url, Concurrency: 2})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := c.Call(context.Background(), "id", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := most.Load(); n > 2 {
		t.Errorf("%d at once", n)
	}
}

func TestNoPlaceInTime(t *testing.T) {
	url := backend(t, func(http.ResponseWriter, *http.Request) {})
	c, m, _ := newClient(t, webhook.Options{URL: url, Concurrency: 1, Timeout: 50 * time.Millisecond})
	release := c.Occupy()
	_, err := c.Call(t.Context(), "id", nil)
	if f, _ := errors.AsType[*webhook.CallError](err); f == nil || f.Outcome != webhook.OutcomeBusy || !f.Retry {
		t.Errorf("got %v, want busy", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Call(ctx, "id", nil)
	if f, _ := errors.AsType[*webhook.CallError](err); f == nil || f.Outcome != webhook.OutcomeCanceled {
		t.Errorf("got %v, want canceled", err)
	}
	wantMetric(t, m, `pushd_webhook_duration_seconds_count{endpoint="test",outcome="busy"} 1`)
	release()
	if _, err := c.Call(t.Context(), "id", nil); err != nil {
		t.Error(err)
	}
}

func TestWhoAskedGaveUp(t *testing.T) {
	entered, hold := make(chan struct{}, 10), make(chan struct{})
	url := backend(t, func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-hold
	})
	defer close(hold)
	c, _, _ := newClient(t, webhook.Options{URL: url})
	for range 8 { // more than open the breaker
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-entered
			cancel()
		}()
		_, err := c.Call(ctx, "id", nil)
		if f, _ := errors.AsType[*webhook.CallError](err); f == nil || f.Outcome != webhook.OutcomeCanceled {
			t.Fatalf("got %v, want canceled", err)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	peers := map[string]bool{}
	var mu sync.Mutex
	url := backend(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		peers[r.RemoteAddr] = true
		_, _ = w.Write(make([]byte, 60<<10))
	})
	c, _, _ := newClient(t, webhook.Options{URL: url})
	for range 10 {
		if _, err := c.Call(t.Context(), "id", nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(peers) != 1 {
		t.Errorf("%d connections for 10 calls, one after the other", len(peers))
	}
}

func TestBadAddresses(t *testing.T) {
	for _, url := range []string{"", "ftp://host", "/path", "https://user:pass@host/", "http://", "://x"} {
		if _, err := webhook.NewClient(webhook.Options{Name: "x", URL: url}, nil, nil); err == nil || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestParseSecret(t *testing.T) {
	good := webhook.NewSecret()
	for _, c := range []struct{ name, text, says string }{
		{"one", good, ""},
		{"two", good + "  " + webhook.NewSecret(), ""},
		{"none", "", ""},
		{"no prefix", "c2VjcmV0", "begins with whsec_"},
		{"not base64", "whsec_***", "base64"},
		{"short", "whsec_c2VjcmV0", "24 to 64 bytes"},
		{"one good, one bad", good + " nonsense", "begins with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := webhook.ParseSecret(c.text)
			if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if err == nil && s.IsZero() != (c.text == "") {
				t.Errorf("zero: %v", s.IsZero())
			}
		})
	}
	// The example of the standard's own libraries.
	s, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := s.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
