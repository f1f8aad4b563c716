package webhook_test

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pushd/internal/webhook"
)

// TestVerificationPage holds docs/hooks.md to the function that is compiled
// here, and the function to what is sent.
func TestVerificationPage(t *testing.T) {
	code, err := os.ReadFile("example_verify_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(code), "func verifyCall")
	if !strings.Contains(string(page), "```go\nfunc verifyCall"+want+"```\n") {
		t.Errorf("docs/hooks.md doesn't show this, which is in example_verify_test.go:\nfunc verifyCall%s", want)
	}
	text := webhook.NewSecret()
	secret, err := webhook.ParseSecret(webhook.NewSecret() + " " + text)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, secret, id string
		body             string
		age              time.Duration
		want             bool
	}{
		{"as sent", text, "id", "{}", 0, true},
		{"another body", text, "id", "{ }", 0, false},
		{"another id", text, "id2", "{}", 0, false},
		{"another secret", webhook.NewSecret(), "id", "{}", 0, false},
		{"long ago", text, "id", "{}", 6 * time.Minute, false},
		{"far ahead", text, "id", "{}", -6 * time.Minute, false},
	} {
		at := time.Now().Add(-c.age)
		h := http.Header{}
		h.Set("webhook-id", c.id)
		h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
		h.Set("webhook-signature", secret.Sign("id", at, []byte("{}")))
		if got := verifyCall(c.secret, h, []byte(c.body)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
