package config

import (
	"testing"
	"time"

	"pushd/internal/hub"
)

func TestHistories(t *testing.T) {
	all, err := parseHistories([]string{"*=5", "chat:=100/10m", "chat:log:=0", "a=b*=7/1s"})
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]hub.History{
		"news": {Size: 5}, "chat": {Size: 5}, "chat:1": {Size: 100, For: 10 * time.Minute},
		"chat:log:1": {}, "a=bc": {Size: 7, For: time.Second},
	} {
		if got := all.of(topic); got != want {
			t.Errorf("%s: %+v, want %+v", topic, got, want)
		}
	}
	if got := histories(nil).of("x"); got.Size != 0 {
		t.Error("no histories, and yet one")
	}
	for _, bad := range []string{"", "x", "=5", "x=", "x=-1", "x=10001", "x=5/", "x=5/0s", "x=5/169h", "x=5/1", "x=a"} {
		if _, err := parseHistories([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for _, tc := range []struct {
		list  prefixes
		topic string
		want  bool
	}{
		{nil, "x", false},
		{prefixes{"room."}, "room.1", true},
		{prefixes{"room."}, "room", false},
		{prefixes{"a", "*"}, "x", true},
		{prefixes{"room.*"}, "room.1", true},
	} {
		if got := tc.list.fit(tc.topic); got != tc.want {
			t.Errorf("%v fit %s: %v", tc.list, tc.topic, got)
		}
	}
}

// TestPublishTakesPrefixes: topics.publish reads a trailing * as every other list of
// prefixes of topics does.
func TestPublishTakesPrefixes(t *testing.T) {
	cfg, err := loadWith(t, "", nil, "--topics.publish=room.*,lobby")
	if err != nil {
		t.Fatal(err)
	}
	may := cfg.PushOptions().ClientPublish
	for topic, want := range map[string]bool{"room.1": true, "lobby": true, "lobby2": true, "room": false, "other": false} {
		if got := may(topic); got != want {
			t.Errorf("%s: %v, want %v", topic, got, want)
		}
	}
	if cfg, err = loadWith(t, "", nil); err != nil || cfg.PushOptions().ClientPublish("room.1") {
		t.Errorf("clients may publish where nothing allows it: %v", err)
	}
}
