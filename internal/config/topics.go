package config

import (
	"strings"

	"pushd/internal/hub"
	"pushd/internal/push"
)

// TopicsConfig bounds topics and says which ones clients may publish to.
type TopicsConfig struct {
	Publish       []string
	MergeWindow   []string // as parseMergeWindows takes it
	Max           int
	PerSession    int
	PerUser       int
	History       []string // as parseHistories takes it
	HistoryBytes  Size
	HistoryTopics int
	Presence      []string
}

// PresenceConfig says what clients may learn about each other.
type PresenceConfig struct {
	All      bool
	Announce bool
}

func topicsSection(c *Config) []option {
	h := hub.Options{}.WithDefaults()
	return []option{
		opt("topics.publish", &c.Topics.Publish, nil, option{
			dev: "*",
			usage: "Prefixes of the topics that clients may publish to; * is every topic. None by default: backends " +
				"publish over HTTP.",
		}),
		opt("topics.merge-window", &c.Topics.MergeWindow, nil, option{
			usage: "How long a message to a topic waits for others to the same topic, so that they leave in one write to " +
				"each subscriber: PREFIX=DURATION for the topics that begin so, *=DURATION for all; the longest " +
				"prefix wins. Ten messages in one write cost what one does. Without it only messages that arrive " +
				"together are joined.",
		}),
		opt("topics.max", &c.Topics.Max, h.MaxTopics, option{
			min: "1", max: "100000000",
			usage: "Topics with subscribers at once on this node.",
		}),
		opt("topics.per-session", &c.Topics.PerSession, h.MaxTopicsPerSession, option{
			min: "1", max: "65535",
			usage: "Topics that one session may be subscribed to.",
		}),
		opt("topics.per-user", &c.Topics.PerUser, h.MaxTopicsPerUser, option{
			min: "1", max: "1000000",
			usage: "Subscriptions that all sessions of one user may have together, so that a few users can't use up " +
				"topics.max.",
		}),
		opt("topics.history", &c.Topics.History, nil, option{
			usage: "Topics with a history in memory, from which a client that was away recovers what it missed: " +
				"PREFIX=MESSAGES or PREFIX=MESSAGES/DURATION for the topics that begin so, *=… for all; the longest " +
				"prefix wins, and 0 messages is no history. For example chat:=100/10m.",
		}),
		opt("topics.history-bytes", &c.Topics.HistoryBytes, Size(h.MaxHistoryBytes), option{
			min: "64KiB", max: "64GiB",
			usage: "Memory for all histories together; one topic may take an eighth. Over it the topics go first that " +
				"had no message for the longest time.",
		}),
		opt("topics.history-topics", &c.Topics.HistoryTopics, h.MaxHistory, option{
			min: "1", max: "10000000",
			usage: "Topics whose history is kept, with subscribers or without. Over it the topics go first that had no " +
				"message for the longest time.",
		}),
		opt("topics.presence", &c.Topics.Presence, nil, option{
			usage: "Prefixes of the topics whose subscribers are told who joins and leaves, at most once a second, and " +
				"may ask who is in; * is every topic.",
		}),
		opt("presence.all", &c.Presence.All, false, option{
			dev:   "true",
			usage: "Clients may subscribe to who comes and goes among all users.",
		}),
		opt("presence.announce", &c.Presence.Announce, false, option{
			usage: "Tell every session who comes online and goes offline, without subscribing: at most once a second, " +
				"with as many names as 16 MiB for all of them hold, and to more than 20,000 sessions less often.",
		}),
	}
}

// HubOptions are the options of the directory of who is connected but for its
// clock and its hooks. The errors are those of Check.
func (c *Config) HubOptions() (hub.Options, error) {
	windows, err := parseMergeWindows(c.Topics.MergeWindow)
	if err != nil {
		return hub.Options{}, err
	}
	histories, err := parseHistories(c.Topics.History)
	if err != nil {
		return hub.Options{}, err
	}
	return hub.Options{
		Policy:              policyOf(c.MultiLogin),
		MaxPerPlatform:      c.MaxPerPlatform,
		MergeWindow:         windows.of,
		MaxTopics:           c.Topics.Max,
		MaxTopicsPerSession: c.Topics.PerSession,
		MaxTopicsPerUser:    c.Topics.PerUser,
		History:             histories.of,
		MaxHistory:          c.Topics.HistoryTopics,
		MaxHistoryBytes:     int(c.Topics.HistoryBytes),
		Roster:              prefixes(c.Topics.Presence).fit,
		ResumeWindow:        c.ResumeWindow,
	}, nil
}

// PushOptions are the options of the push service but for its clock, log and
// counters.
func (c *Config) PushOptions() push.Options {
	return push.Options{
		MaxMessage:       int(c.MaxMessage),
		ClientPublish:    prefixes(c.Topics.Publish).fit,
		PresenceAll:      c.Presence.All,
		PresenceAnnounce: c.Presence.Announce,
		TopicPresence:    prefixes(c.Topics.Presence).fit,
		// What is recovered shares the client's send buffer with what is pushed
		// meanwhile.
		MaxRecover: int(c.SendBuffer) / 2,
	}
}

// prefixes of topics; * is every topic.
type prefixes []string

func (p prefixes) fit(topic string) bool {
	for _, prefix := range p {
		if strings.HasPrefix(topic, strings.TrimSuffix(prefix, "*")) {
			return true
		}
	}
	return false
}
