package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"pushd/internal/metrics"
	"pushd/internal/testlog"
	"pushd/internal/webhook"
)

// verify is the receiver's side of the standard, written from its text and not
// from the sender's code.
func verify(t *testing.T, secret string, r *http.Request, body []byte) bool {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+"."+string(body))
	for _, signature := range strings.Split(r.Header.Get("webhook-signature"), " ") {
		version, value, _ := strings.Cut(signature, ",")
		sum, err := base64.StdEncoding.DecodeString(value)
		if err == nil && version == "v1" && hmac.Equal(sum, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

// backend is a server on loopback that lives as long as the test.
func backend(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL
}

func newClient(t *testing.T, o webhook.Options) (*webhook.Client, *metrics.Metrics, *testlog.Buffer) {
	t.Helper()
	m, log := metrics.New(1), &testlog.Buffer{}
	if o.Name == "" {
		o.Name = "test"
	}
	c, err := webhook.NewClient(o, m, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, m, log
}

func exposition(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := m.WriteText(&b, ""); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantMetric(t *testing.T, m *metrics.Metrics, line string) {
	t.Helper()
	if text := exposition(t, m); !strings.Contains(text, line+"\n") {
		var near []string
		for l := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(l, "pushd_webhook") && !strings.Contains(l, "_bucket") {
				near = append(near, l)
			}
		}
		t.Errorf("metrics lack %q; there are:\n%s", line, strings.Join(near, "\n"))
	}
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
