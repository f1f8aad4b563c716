package config

import (
	"errors"
	"fmt"
	"time"

	"pushd/internal/bot"
	"pushd/internal/webhook"
)

// BotConfig is one entry of bots.
type BotConfig struct {
	Name     string        // unique; the bot's user id is bot:NAME
	URL      string        // where messages to it are posted
	Secret   Secret        // what they are signed with, or @FILE
	About    string        // one line for people
	Commands []string      // what it understands, a line each, for people
	Timeout  time.Duration // for an answer; package bot's own if 0
}

func botsSection(c *Config) []option {
	return []option{
		opt("bots", &c.Bots, nil, option{
			fileOnly: true,
			usage: "Users that are programs: a list of name, url, secret (as hooks.secret), and optionally about, " +
				"commands (a list) and timeout. What is sent to the user bot:NAME is posted to the url, and the reply " +
				"is the answer, see docs/bots.md. echo and help are built in.",
		}),
	}
}

// botKeys are what an entry of bots may say.
var botKeys = [...]string{"name", "url", "secret", "about", "commands", "timeout"}

func decodeBots(raw any) ([]BotConfig, error) {
	if raw == "" {
		return nil, nil
	}
	items, ok := raw.([]any)
	if !ok {
		return nil, errors.New("accepted is a list of name, url and secret")
	}
	bots := make([]BotConfig, 0, len(items))
	for i, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("entry %d: accepted is name, url and secret", i+1)
		}
		var bot BotConfig
		for name, value := range fields {
			if err := bot.decode(name, value); err != nil {
				return nil, fmt.Errorf("entry %d: %w", i+1, err)
			}
		}
		bots = append(bots, bot)
	}
	return bots, nil
}

func (b *BotConfig) decode(name string, value any) (err error) {
	if name == "commands" {
		if b.Commands, err = listOf(value); err != nil {
			return fmt.Errorf("commands: %w", err)
		}
		return nil
	}
	text, single := value.(string)
	field := map[string]func() error{
		"name":   func() error { b.Name = text; return nil },
		"secret": func() error { b.Secret = Secret(text); return nil },
		"about":  func() error { b.About = text; return nil },
		"url":    func() error { b.URL, err = parseWebhook(text); return err },
		"timeout": func() error {
			b.Timeout, err = time.ParseDuration(text)
			if err != nil || b.Timeout < 100*time.Millisecond || b.Timeout > 5*time.Minute {
				return errors.New("accepted is 100ms to 5m")
			}
			return nil
		},
	}[name]
	switch {
	case field == nil:
		return fmt.Errorf("unknown key %q%s", Shorten(name), didYouMean(name, botKeys[:]))
	case !single:
		return fmt.Errorf("%s takes a single value", name)
	}
	if err := field(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *Config) checkBots() error {
	var errs []error
	names := map[string]string{"echo": "what is built in", "help": "what is built in"}
	for i, b := range c.Bots {
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("bots (%s): entry %d: %w", c.Source("bots"), i+1, fmt.Errorf(format, args...)))
		}
		if err := bot.ValidName(b.Name); err != nil {
			fail("name %q: %w", Shorten(b.Name), err)
		} else if taken, twice := names[b.Name]; twice {
			fail("name %q is taken by %s", b.Name, taken)
		}
		names[b.Name] = fmt.Sprintf("entry %d", i+1)
		if b.URL == "" {
			fail("has no url")
		}
	}
	return errors.Join(errs...)
}

// BotOptions are the options of the bots. secrets are what the secrets of the
// entries of bots say or what their files hold, in their order.
func (c *Config) BotOptions(secrets []webhook.Secret) bot.Options {
	o := bot.Options{Node: c.Node, Remotes: make([]bot.Remote, len(c.Bots))}
	for i, b := range c.Bots {
		o.Remotes[i] = bot.Remote{
			Name: b.Name, About: b.About, Commands: b.Commands, URL: b.URL, Secret: secrets[i], Timeout: b.Timeout,
		}
	}
	return o
}
