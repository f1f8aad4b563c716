package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// decode sets the option's field in cfg from raw, which is what a source gave:
// text, a list of texts, or a map of texts. The error says what is accepted and
// does not repeat the value; the caller adds key, source and value.
func (o option) decode(cfg *Config, raw any) error {
	field := reflect.ValueOf(cfg).Elem().FieldByIndex(o.index)
	switch p := field.Addr().Interface().(type) {
	case *[]string:
		return o.decodeList(raw, func(text string) error {
			text, err := o.text(text)
			*p = append(*p, text)
			return err
		})
	case *[]netip.Prefix:
		return o.decodeList(raw, func(text string) error {
			prefix, err := parsePrefix(text)
			*p = append(*p, prefix)
			return err
		})
	case *map[string]int:
		numbers, err := decodeMap(raw)
		*p = numbers
		return err
	case *[]AdminKey:
		keys, err := decodeAdminKeys(raw)
		*p = keys
		return err
	case *[]BotConfig:
		bots, err := decodeBots(raw)
		*p = bots
		return err
	}

	text, ok := raw.(string)
	if !ok {
		return errors.New("takes a single value")
	}
	return o.decodeText(field, text)
}

// decodeText sets a field that takes a single value.
func (o option) decodeText(field reflect.Value, text string) error {
	switch p := field.Addr().Interface().(type) {
	case *bool:
		switch strings.ToLower(text) {
		case "true", "1":
			*p = true
		case "false", "0":
			*p = false
		default:
			return errors.New("accepted is true or false")
		}
	case *int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < parseInt(o.min) || n > parseInt(o.max) {
			return fmt.Errorf("accepted is a whole number from %s to %s", o.min, o.max)
		}
		*p = int(n)
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("accepted is a number with a unit, such as 500ms, 60s, 5m or 1h30m")
		}
		if d < parseDuration(o.min) || d > parseDuration(o.max) {
			return fmt.Errorf("accepted is %s to %s", o.min, o.max)
		}
		*p = d
	case *Size:
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil {
			return errors.New("accepted is a number of bytes with an optional unit, such as 65536, 64KiB, 1MiB or 64kB")
		}
		if s < parseSize(o.min) || s > parseSize(o.max) {
			return fmt.Errorf("accepted is %s to %s", o.min, o.max)
		}
		*p = s
	case *slog.Level:
		word, err := o.text(text)
		if err != nil {
			return err
		}
		return p.UnmarshalText([]byte(word))
	case *Secret:
		if text == "@" {
			return errors.New("@ needs the name of a file")
		}
		*p = Secret(text)
	case *StoreURL:
		address, err := parseStoreURL(text)
		*p = address
		return err
	case *string:
		text, err := o.text(text)
		*p = text
		return err
	}
	return nil
}

// text applies the option's words or rule to one text.
func (o option) text(text string) (string, error) {
	if len(o.oneof) > 0 {
		for _, word := range o.oneof {
			if strings.EqualFold(word, text) {
				return word, nil
			}
		}
		return "", fmt.Errorf("accepted is one of %s", strings.Join(o.oneof, ", "))
	}
	return textRule(o.is, text)
}

func (o option) decodeList(raw any, add func(string) error) error {
	items, err := listOf(raw)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := add(item); err != nil {
			return fmt.Errorf("entry %q: %w", cut(item), err)
		}
	}
	return nil
}

// listOf reads a list: as such from the file, separated by commas from
// elsewhere.
func listOf(raw any) ([]string, error) {
	var out []string
	switch raw := raw.(type) {
	case string:
		for item := range strings.SplitSeq(raw, ",") {
			if item = strings.TrimSpace(item); item != "" {
				out = append(out, item)
			}
		}
	case []any:
		for _, item := range raw {
			text, ok := item.(string)
			if !ok || strings.TrimSpace(text) == "" {
				return nil, errors.New("accepted is a list of texts")
			}
			out = append(out, strings.TrimSpace(text))
		}
	default:
		return nil, errors.New("accepted is a list")
	}
	return out, nil
}

// decodeMap reads names with numbers: as a map from the file, as
// name=number,name=number from elsewhere.
func decodeMap(raw any) (map[string]int, error) {
	texts := map[string]any{}
	switch raw := raw.(type) {
	case map[string]any:
		texts = raw
	case string:
		items, err := listOf(raw)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			name, number, ok := strings.Cut(item, "=")
			if !ok {
				return nil, fmt.Errorf("entry %q: accepted is name=number", cut(item))
			}
			if _, twice := texts[name]; twice {
				return nil, fmt.Errorf("entry %q: the name is there twice", cut(item))
			}
			texts[name] = number
		}
	default:
		return nil, errors.New("accepted is a map of names to numbers")
	}
	numbers := make(map[string]int, len(texts))
	for name, value := range texts {
		text, _ := value.(string)
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("entry %q: accepted is a whole number", cut(name))
		}
		numbers[strings.TrimSpace(name)] = n
	}
	return numbers, nil
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
				return nil, fmt.Errorf("entry %d: unknown key %q%s", i+1, cut(name),
					didYouMean(name, []string{"name", "secret", "scopes"}))
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// cut keeps what an error quotes to a line's length.
func cut(text string) string {
	const most = 80
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// The bounds come from Config's own tags, which a test reads; a bad one is a
// mistake in this program.

func parseInt(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("config: bad bound: " + err.Error())
	}
	return n
}

func parseDuration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("config: bad bound: " + err.Error())
	}
	return d
}

func parseSize(text string) Size {
	var s Size
	if err := s.UnmarshalText([]byte(text)); err != nil {
		panic("config: bad bound: " + err.Error())
	}
	return s
}
