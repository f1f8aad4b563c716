package config

import (
	"fmt"
	"strings"
	"time"
)

// maxMergeWindow is the longest that a message may wait for others.
const maxMergeWindow = 10 * time.Second

// mergeWindows is topics.merge-window: how long a message to a topic waits for
// others to leave with, by the longest prefix that fits the topic's name.
type mergeWindows map[string]time.Duration

// parseMergeWindows reads PREFIX=DURATION; the prefix * is every topic.
func parseMergeWindows(list []string) (mergeWindows, error) {
	windows := make(mergeWindows, len(list))
	for _, item := range list {
		prefix, text, ok := strings.Cut(item, "=")
		d, err := time.ParseDuration(text)
		if !ok || prefix == "" || err != nil || d < 0 || d > maxMergeWindow {
			return nil, fmt.Errorf("topics.merge-window: %q is not PREFIX=DURATION with a duration from 0s to %s, "+
				"such as ticks.=10ms, or *=5ms for every topic", item, maxMergeWindow)
		}
		windows[strings.TrimSuffix(prefix, "*")] = d
	}
	return windows, nil
}

// of is the window of a topic.
func (m mergeWindows) of(topic string) time.Duration {
	best, window := -1, time.Duration(0)
	for prefix, d := range m {
		if len(prefix) > best && strings.HasPrefix(topic, prefix) {
			best, window = len(prefix), d
		}
	}
	return window
}

func (c *Config) checkMergeWindows() error {
	if _, err := parseMergeWindows(c.Topics.MergeWindow); err != nil {
		return fmt.Errorf("%w (%s)", err, c.Source("topics.merge-window"))
	}
	return nil
}
