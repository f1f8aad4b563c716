package main

import (
	"errors"
	"fmt"
	"time"
)

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
			if b.Timeout, err = time.ParseDuration(text); err != nil || b.Timeout < 100*time.Millisecond || b.Timeout > 5*time.Minute {
				return errors.New("accepted is 100ms to 5m")
			}
			return nil
		},
	}[name]
	switch {
	case field == nil:
		return fmt.Errorf("unknown key %q%s", cut(name), didYouMean(name, botKeys[:]))
	case !single:
		return fmt.Errorf("%s takes a single value", name)
	}
	if err := field(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
