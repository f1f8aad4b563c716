package codec_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pushd/internal/codec"
)

func TestStamp(t *testing.T) {
	message := codec.NewRawPushType("push", "Message", "").Remembered()
	raw, err := message.With(json.RawMessage(`{"n":1}`)).Stamp(`a"b`)
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
	texts := codec.NewPushType[map[string]string]("topic", "Message", "").Remembered()
	big, err := texts.With(map[string]string{"text": strings.Repeat("x", 70_000)}).Stamp("t")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(big.At(7, "e").Payload()); !strings.HasSuffix(got, `xxx"},"Topic":"t","Offset":7,"Epoch":"e"}`) {
		t.Errorf("ends in %q", got[len(got)-60:])
	}
	if n := testing.AllocsPerRun(100, func() { raw.At(1<<40, "0123456789abcdef") }); n != 1 {
		t.Errorf("%v allocations for the frame", n)
	}
}
