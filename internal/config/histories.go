package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pushd/internal/hub"
)

// Bounds of one topic's history; topics.history-bytes bounds all together.
const (
	maxHistory    = 10_000
	maxHistoryFor = 7 * 24 * time.Hour
)

// histories is topics.history: how much of a topic is remembered, by the
// longest prefix that fits the topic's name.
type histories map[string]hub.History

// parseHistories reads PREFIX=MESSAGES[/DURATION]; the prefix * is every topic.
func parseHistories(list []string) (histories, error) {
	all := make(histories, len(list))
	for _, item := range list {
		// A prefix may hold "=", a figure can't.
		cut := strings.LastIndex(item, "=")
		var h hub.History
		ok := cut > 0
		if ok {
			h, ok = parseHistory(item[cut+1:])
		}
		if !ok {
			return nil, fmt.Errorf("topics.history: %q is not PREFIX=MESSAGES or PREFIX=MESSAGES/DURATION with up to "+
				"%d messages and up to %s, such as chat:=100/10m, or *=20 for every topic",
				item, maxHistory, maxHistoryFor)
		}
		all[strings.TrimSuffix(item[:cut], "*")] = h
	}
	return all, nil
}

func parseHistory(text string) (h hub.History, ok bool) {
	size, age, timed := strings.Cut(text, "/")
	var err error
	if h.Size, err = strconv.Atoi(size); err != nil || h.Size < 0 || h.Size > maxHistory {
		return h, false
	}
	if timed {
		h.For, err = time.ParseDuration(age)
		return h, err == nil && h.For >= time.Second && h.For <= maxHistoryFor
	}
	return h, true
}

// of is how much of a topic is remembered.
func (all histories) of(topic string) (found hub.History) {
	best := -1
	for prefix, h := range all {
		if len(prefix) > best && strings.HasPrefix(topic, prefix) {
			best, found = len(prefix), h
		}
	}
	return found
}

func (c *Config) checkHistories() error {
	if _, err := parseHistories(c.Topics.History); err != nil {
		return fmt.Errorf("%w (%s)", err, c.Source("topics.history"))
	}
	return nil
}
