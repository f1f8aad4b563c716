package codec_test

import (
	"math"
	"strings"
	"testing"

	"pushd/internal/codec"
)

func TestStamp(t *testing.T) {
	raw, err := codec.NewStampRaw("push", "Message", `a"b`, []byte(`{"n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[uint64]string{
		1:              `{"Module":"push","Action":"Message","Data":{"n":1},"Topic":"a\"b","Offset":1,"Epoch":"e1"}`,
		math.MaxUint64: `{"Module":"push","Action":"Message","Data":{"n":1},"Topic":"a\"b","Offset":18446744073709551615,"Epoch":"e1"}`,
	} {
		if got := raw.At(offset, "e1"); string(got.Payload()) != want || string(got) != string(codec.NewFrame([]byte(want))) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	big, err := codec.NewStamp("topic", "Message", "t", map[string]string{"text": strings.Repeat("x", 70_000)})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(big.At(7, "e").Payload()); !strings.HasSuffix(got, `xxx"},"Topic":"t","Offset":7,"Epoch":"e"}`) {
		t.Errorf("ends in %q", got[len(got)-60:])
	}
	for name, data := range map[string]any{"an array": []int{1}, "nothing": nil, "no JSON": make(chan int)} {
		if _, err := codec.NewStamp("m", "A", "t", data); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if n := testing.AllocsPerRun(100, func() { raw.At(1<<40, "0123456789abcdef") }); n != 1 {
		t.Errorf("%v allocations for the frame", n)
	}
}
