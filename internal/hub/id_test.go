package hub_test

import (
	"errors"
	"math"
	"testing"

	"pushd/internal/hub"
)

func TestIDText(t *testing.T) {
	for _, id := range []uint64{1, 0xabcdef, 1 << 63, math.MaxUint64} {
		text := hub.FormatID(id)
		if len(text) != 16 {
			t.Errorf("FormatID(%d) = %q, not 16 digits", id, text)
		}
		if back, err := hub.ParseID(text); err != nil || back != id {
			t.Errorf("ParseID(%q) = %d, %v", text, back, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "short": "abc", "long": "00000000000000001", "zero": "0000000000000000",
		"upper case": "00000000000000AB", "not hex": "000000000000000g", "sign": "+000000000000001",
		"space": " 000000000000001",
	} {
		if _, err := hub.ParseID(text); !errors.Is(err, hub.ErrID) {
			t.Errorf("%s: ParseID(%q): %v, want ErrID", name, text, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0000000000000001")
	f.Add("ffffffffffffffff")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := hub.ParseID(text); err == nil && hub.FormatID(id) != text {
			t.Errorf("%q has another spelling %q", text, hub.FormatID(id))
		}
	})
}
