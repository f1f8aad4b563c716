package account_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/codec"
)

func TestPlatforms(t *testing.T) {
	p, err := account.NewPlatforms(map[string]int{"tv": 9, "car-2": 63})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]account.Platform{
		"1": account.Web, "web": account.Web, "2": account.Android, "3": account.IOS, "ios": account.IOS, "4": account.PC,
		"mini-program": account.MiniProgram, "6": account.Server, "server": account.Server, "tv": 9, "9": 9, "63": 63,
	} {
		if got, err := p.Parse(in); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "0", "7", "01", "1.0", "-1", "64", "257", "Web", " web", "windows", strings.Repeat("x", 9999)} {
		_, err := p.Parse(in)
		e := codec.AsError(err)
		if e == nil || e.Code != codec.CodeMalformed || !strings.HasSuffix(e.Msg, "the platforms are 1 web, 2 android, 3 ios, 4 pc, 5 mini-program, 6 server, 9 tv, 63 car-2") || len(e.Msg) > 300 {
			t.Errorf("Parse(%.20q): %v", in, err)
		}
	}
	if want := []account.Platform{1, 2, 3, 4, 5, 6, 9, 63}; !reflect.DeepEqual(p.All(), want) {
		t.Errorf("All() = %v", p.All())
	}
	for n, want := range map[account.Platform]string{1: "web", 9: "tv", 8: "8", 0: "0", 255: "255"} {
		if got := p.Name(n); got != want {
			t.Errorf("Name(%d) = %q", n, got)
		}
	}
}

func TestNewPlatformsRefuses(t *testing.T) {
	for name, extra := range map[string]map[string]int{
		"built-in number": {"tv": 6}, "zero": {"tv": 0}, "negative": {"tv": -1}, "too large": {"tv": 64}, "wraps": {"tv": 263},
		"built-in name": {"web": 7}, "empty": {"": 7}, "capital": {"TV": 7}, "digit first": {"7tv": 7}, "space": {"t v": 7},
		"long": {strings.Repeat("x", 33): 7}, "same number": {"tv": 7, "car": 7},
	} {
		if _, err := account.NewPlatforms(extra); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// platIDHolder has the key that a login has.
type platIDHolder struct {
	ID account.PlatID `json:"PlatId"`
}

func TestPlatID(t *testing.T) {
	for in, want := range map[string]account.PlatID{
		`{"PlatId":"1"}`: "1", `{"PlatId":1}`: "1", `{"PlatId":63}`: "63", `{"PlatId":0}`: "0", `{"PlatId":"web"}`: "web",
		`{"PlatId":"\u0077eb"}`: "web", `{"PlatId":null}`: "", `{}`: "", `{"PlatId":""}`: "",
	} {
		var v platIDHolder
		if err := codec.DecodeData([]byte(in), &v); err != nil || v.ID != want {
			t.Errorf("%s gave %q, %v", in, v.ID, err)
		}
	}
	for _, in := range []string{`1.0`, `1e0`, `-1`, `-0`, `256`, `99999999999999999999`, `true`, `{}`, `[1]`, `["web"]`} {
		var v platIDHolder
		err := codec.DecodeData([]byte(`{"PlatId":`+in+`}`), &v)
		var e *codec.Error
		if !errors.As(err, &e) || e.Code != codec.CodeMalformed || e.Msg != `PlatId must be a platform's number or name, such as 1 or "web"` {
			t.Errorf("%s gave %q, %v", in, v.ID, err)
		}
	}
}
