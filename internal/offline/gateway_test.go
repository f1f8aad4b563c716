package offline_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pushd/internal/metrics"
	"pushd/internal/offline"
	"pushd/internal/webhook"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// httpGateway is the shipped gateway, in front of a handler on loopback.
func httpGateway(t *testing.T, handle http.HandlerFunc) *offline.HTTP {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	key, err := webhook.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	c, err := webhook.NewClient(webhook.Options{Name: "gateway", URL: s.URL, Secret: key}, metrics.New(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return offline.NewHTTP(c)
}

func TestHTTPGateway(t *testing.T) {
	two := []offline.Notification{{User: "a", Token: "t1"}, {User: "b", Token: "t2"}}
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   []offline.Result // nil: an error
		retry  bool
	}{
		{"nothing", 204, ``, make([]offline.Result, 2), false},
		{"an empty object", 200, `{}`, make([]offline.Result, 2), false},
		{"results", 200, `{"results":[{"gone":true},{"retry":true,"error":"x"}]}`, []offline.Result{{Gone: true}, {Retry: true, Error: "x"}}, false},
		{"too few", 200, `{"results":[{}]}`, nil, false},
		{"too many", 200, `{"results":[{},{},{}]}`, nil, false},
		{"no JSON", 200, `OK`, nil, false},
		{"busy", 503, ``, nil, true},
		{"refused", 403, ``, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got struct {
				Type, ID      string
				Notifications []offline.Notification
			}
			g := httpGateway(t, func(w http.ResponseWriter, r *http.Request) {
				if err := json.NewDecoder(r.Body).Decode(&got); err != nil || got.ID != r.Header.Get("webhook-id") || r.Header.Get("webhook-signature") == "" {
					t.Errorf("%v, %+v", err, r.Header)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			results, err := g.Send(t.Context(), two)
			if got.Type != "notifications" || len(got.Notifications) != 2 || got.Notifications[1].Token != "t2" {
				t.Errorf("posted %+v", got)
			}
			if c.want == nil {
				f, _ := errors.AsType[*webhook.CallError](err)
				if f == nil || f.Retry != c.retry {
					t.Errorf("%v, %v", results, err)
				}
				return
			}
			if err != nil || len(results) != 2 || results[0] != c.want[0] || results[1] != c.want[1] {
				t.Errorf("%v, %v", results, err)
			}
		})
	}
}

// TestAdapter runs the adapter of docs/offline.md between the shipped gateway
// and something that answers as FCM does.
func TestAdapter(t *testing.T) {
	var bodies []string
	fcm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if r.Header.Get("Authorization") != "Bearer access" || r.URL.Path != "/v1/projects/p/messages:send" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		switch {
		case strings.Contains(string(body), "t-gone"):
			w.WriteHeader(404)
		case strings.Contains(string(body), "t-busy"):
			w.WriteHeader(429)
		case strings.Contains(string(body), "t-bad"):
			w.WriteHeader(400)
		}
	}))
	t.Cleanup(fcm.Close)
	a := adapter{send: fcm.URL + "/v1/projects/p/messages:send", token: func() string { return "access" }}
	g := httpGateway(t, a.ServeHTTP)
	results, err := g.Send(t.Context(), []offline.Notification{
		{Token: "t-good", Title: "Alice", Text: "hi", Collapse: "s:alice:bob", Data: map[string]string{"conv": "s:alice:bob"}},
		{Token: "t-gone"},
		{Token: "t-busy"},
		{Token: "t-bad"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []offline.Result{{}, {Gone: true}, {Retry: true}, {Error: "400 Bad Request"}}
	for i := range want {
		if results[i] != want[i] {
			t.Errorf("result %d: %+v, want %+v", i, results[i], want[i])
		}
	}
	const first = `{"message":{"android":{"collapse_key":"s:alice:bob"},"data":{"conv":"s:alice:bob"},"notification":{"body":"hi","title":"Alice"},"token":"t-good"}}`
	if bodies[0] != first {
		t.Errorf("FCM got %s", bodies[0])
	}
}
