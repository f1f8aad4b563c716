package config

import (
	"errors"
	"fmt"

	"pushd/internal/account"
)

// AdminConfig holds the named API keys.
type AdminConfig struct {
	Keys []AdminKey
}

// AdminKey is one entry of admin.keys.
type AdminKey struct {
	Name   string   // unique; appears in the log, never the secret
	Secret Secret   // the key, or @FILE
	Scopes []string // push, read, admin; at least one
}

func decodeAdminKeys(raw any) ([]AdminKey, error) {
	if raw == "" {
		return nil, nil
	}
	items, ok := raw.([]any)
	if !ok {
		return nil, errors.New("accepted is a list of name, secret and scopes")
	}
	keys := make([]AdminKey, 0, len(items))
	for i, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("entry %d: accepted is name, secret and scopes", i+1)
		}
		var key AdminKey
		for name, value := range fields {
			text, single := value.(string)
			switch {
			case name == "name" && single:
				key.Name = text
			case name == "secret" && single:
				key.Secret = Secret(text)
			case name == "scopes":
				scopes, err := listOf(value)
				if err != nil {
					return nil, fmt.Errorf("entry %d: scopes: %w", i+1, err)
				}
				key.Scopes = scopes
			case name == "name" || name == "secret":
				return nil, fmt.Errorf("entry %d: %s takes a single value", i+1, name)
			default:
				return nil, fmt.Errorf("entry %d: unknown key %q%s", i+1, Shorten(name),
					didYouMean(name, []string{"name", "secret", "scopes"}))
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (c *Config) checkAdminKeys() error {
	var errs []error
	fail := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("admin.keys (%s): entry %d: %w",
			c.Source("admin.keys"), i+1, fmt.Errorf(format, args...)))
	}
	names := map[string]int{}
	for i, key := range c.Admin.Keys {
		if key.Name == "" {
			fail(i, "has no name")
		} else if first, twice := names[key.Name]; twice {
			fail(i, "name %q is taken by entry %d", Shorten(key.Name), first+1)
		} else {
			names[key.Name] = i
		}
		if key.Secret == "" {
			fail(i, "has no secret")
		}
		if _, err := account.ParseScopes(key.Scopes); err != nil {
			fail(i, "scopes: %w", err)
		}
	}
	return errors.Join(errs...)
}
