package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// text is the option's present value in the form in which it can be set;
// secrets are redacted.
func (o option) text() string { return textOf(reflect.ValueOf(o.field).Elem().Interface()) }

// textOf writes a value of one of the types that options have.
func textOf(value any) string {
	switch v := value.(type) {
	case Secret:
		return v.String()
	case []string:
		return strings.Join(v, ",")
	case []netip.Prefix:
		texts := make([]string, len(v))
		for i, prefix := range v {
			texts[i] = prefix.String()
		}
		return strings.Join(texts, ",")
	case map[string]int:
		texts := make([]string, 0, len(v))
		for name, number := range v {
			texts = append(texts, name+"="+strconv.Itoa(number))
		}
		slices.Sort(texts)
		return strings.Join(texts, ",")
	case []AdminKey:
		texts := make([]string, len(v))
		for i, key := range v {
			texts[i] = fmt.Sprintf("%s (%s) %s", key.Name, strings.Join(key.Scopes, " "), key.Secret)
		}
		return strings.Join(texts, ", ")
	case []BotConfig:
		texts := make([]string, len(v))
		for i, bot := range v {
			texts[i] = fmt.Sprintf("%s %s", bot.Name, bot.Secret)
		}
		return strings.Join(texts, ", ")
	case time.Duration:
		return shortDuration(v)
	case slog.Level:
		return strings.ToLower(v.String())
	default:
		return fmt.Sprint(v)
	}
}

// shortDuration writes 1m0s as 1m and 1h0m0s as 1h.
func shortDuration(d time.Duration) string {
	text := d.String()
	if d == 0 {
		return "0s"
	}
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
