package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pushd/internal/webhook"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestBackendOptions(t *testing.T) {
	const one = "bots:\n  - {name: weather, url: 'https://bots.example/w', secret: " + hookSecret + ", about: Tells it., commands: [a, b c], timeout: 3s}\n"
	cfg, err := loadWith(t, one, nil, "--hooks.url=https://shop.example/hook", "--hooks.events=message.sent,User.Login")
	if err != nil {
		t.Fatal(err)
	}
	want := []BotConfig{{"weather", "https://bots.example/w", hookSecret, "Tells it.", []string{"a", "b c"}, 3 * time.Second}}
	if !reflect.DeepEqual(cfg.Bots, want) {
		t.Errorf("got %+v", cfg.Bots)
	}
	if !slices.Equal(cfg.Hooks.Events, []string{"message.sent", "user.login"}) {
		t.Errorf("events %v", cfg.Hooks.Events)
	}
	if o, _ := byKey(allOptions(cfg), "bots"); strings.Contains(o.text(), "MfKQ") || !strings.Contains(o.text(), "weather") {
		t.Errorf("shown as %s", o.text())
	}
	for _, c := range []struct {
		name, file string
		args       []string
		want       []string // parts of the error of load or Check; none is accepted
	}{
		{"loopback without a secret", "", []string{"--hooks.url=http://127.0.0.1:9/x"}, nil},
		{"https without a secret", "", []string{"--offline.gateway=https://push.example/x"}, nil},
		{"http with a secret", "", []string{"--hooks.url=http://shop.example/x", "--hooks.secret=" + hookSecret}, nil},
		{"two secrets", "", []string{"--hooks.url=https://shop.example/x", "--hooks.secret=" + hookSecret + " " + webhook.NewSecret()}, nil},
		{"http without a secret", "", []string{"--hooks.url=http://shop.example/x"}, []string{"hooks.url (flag --hooks.url)", "https", "keys webhook"}},
		{"the gateway likewise", "", []string{"--offline.gateway=http://10.0.0.1/x"}, []string{"offline.gateway", "https"}},
		{"a bot likewise", "bots: [{name: x, url: 'http://10.0.0.1/x'}]\n", nil, []string{"bots entry 1", "https"}},
		{"a secret in another form", "", []string{"--hooks.secret=hunter2"}, []string{"hooks.url", "whsec_"}},
		{"an address with a password", "", []string{"--hooks.url=https://a:b@shop.example"}, []string{"hooks.url", "no user, password"}},
		{"another scheme", "", []string{"--offline.gateway=ftp://x"}, []string{"https:// or http://"}},
		{"an event that isn't", "", []string{"--hooks.events=message.read"}, []string{"hooks.events", `"message.read"`, "message.sent"}},
		{"a bot without anything", "bots: [{}]\n", nil, []string{"entry 1", "bot's name", "has no url"}},
		{"two bots of one name", "bots: [{name: a, url: 'https://x'}, {name: a, url: 'https://y'}]\n", nil, []string{"entry 2", "taken by entry 1"}},
		{"a bot that is built in", "bots: [{name: echo, url: 'https://x'}]\n", nil, []string{"taken by what is built in"}},
		{"a bot's typo", "bots: [{urll: a}]\n", nil, []string{"entry 1", `"urll"`, "did you mean url?"}},
		{"a bot's address", "bots: [{name: a, url: here}]\n", nil, []string{"entry 1", "url: accepted is"}},
		{"a bot's timeout", "bots: [{name: a, url: 'https://x', timeout: 1h}]\n", nil, []string{"entry 1", "timeout: accepted is 100ms to 5m"}},
		{"no list of bots", "bots: {name: a}\n", nil, []string{"bots", "list"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadWith(t, c.file, nil, c.args...)
			if err == nil {
				err = cfg.Check()
			}
			if len(c.want) == 0 && err != nil {
				t.Fatal(err)
			}
			for _, part := range c.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want %q in it", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the secret is in the error: %v", err)
			}
		})
	}
	cfg, err = loadWith(t, "", nil, "--hooks.url=http://shop.example/x", "--hooks.secret="+hookSecret, "--offline.gateway=https://x")
	if err != nil {
		t.Fatal(err)
	}
	warnings := strings.Join(cfg.Warnings(), "\n")
	for _, part := range []string{"hooks.url is plain http", "offline.gateway has no secret", "--hooks.secret on the command line"} {
		if !strings.Contains(warnings, part) {
			t.Errorf("no warning says %q:\n%s", part, warnings)
		}
	}
}
