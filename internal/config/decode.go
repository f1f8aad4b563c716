package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// decode sets the option's field from raw, which is what a source gave: text, a
// list of texts, or a map of texts. The error says what is accepted and
// does not repeat the value; the caller adds key, source and value.
func (o option) decode(raw any) error {
	switch p := o.field.(type) {
	case *[]string:
		return o.decodeList(raw, func(text string) error {
			text, err := o.accept(text)
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
	return o.decodeText(text)
}

// decodeText sets a field that takes a single value.
func (o option) decodeText(text string) error {
	switch p := o.field.(type) {
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
		word, err := o.accept(text)
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
		text, err := o.accept(text)
		*p = text
		return err
	}
	return nil
}

// accept applies the option's words or rule to one text.
func (o option) accept(text string) (string, error) {
	if len(o.oneof) > 0 {
		for _, word := range o.oneof {
			if strings.EqualFold(word, text) {
				return word, nil
			}
		}
		return "", fmt.Errorf("accepted is one of %s", strings.Join(o.oneof, ", "))
	}
	if o.rule == nil {
		return text, nil
	}
	return o.rule(text)
}

func (o option) decodeList(raw any, add func(string) error) error {
	items, err := listOf(raw)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := add(item); err != nil {
			return fmt.Errorf("entry %q: %w", Shorten(item), err)
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
				return nil, fmt.Errorf("entry %q: accepted is name=number", Shorten(item))
			}
			if _, twice := texts[name]; twice {
				return nil, fmt.Errorf("entry %q: the name is there twice", Shorten(item))
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
			return nil, fmt.Errorf("entry %q: accepted is a whole number", Shorten(name))
		}
		numbers[strings.TrimSpace(name)] = n
	}
	return numbers, nil
}

// The bounds come from the options' own entries, which a test reads; a bad one is
// a mistake in this program.

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
