package store_test

import (
	"fmt"
	"strings"
	"testing"

	"pushd/internal/store"
)

func TestWords(t *testing.T) {
	long := strings.Repeat("x", 65)
	for _, test := range []struct{ text, indexed, searched string }{
		{"", "[]", "[]"},
		{" ?!… ", "[]", "[]"},
		{"The cat, the CAT", "[the cat]", "[the cat]"},
		{"dog's e-mail a1b2 3.14", "[dog s e mail a1b2 3 14]", "[dog s e mail a1b2 3 14]"},
		{"ÉTÉ ΑΒΓ мир", "[été αβγ мир]", "[été αβγ мир]"},
		{"你好吗", "[你 好 你好 吗 好吗]", "[你好 好吗]"},
		{"你", "[你]", "[你]"},
		{"go语言go", "[go 语 言 语言]", "[go 语言]"},
		{"ひらがなtext", "[ひ ら ひら が らが な がな text]", "[ひら らが がな text]"},
		{"bad\xffbyte\x00nul", "[bad byte nul]", "[bad byte nul]"},
		{long + " ok", "[ok]", "[ok]"},
		{`c:1 "or" NEAR(x) a*`, "[c 1 or near x a]", "[c 1 or near x a]"},
	} {
		indexed, searched := store.Words(test.text)
		if fmt.Sprint(indexed) != test.indexed || fmt.Sprint(searched) != test.searched {
			t.Errorf("%q: %v, %v; want %s, %s", test.text, indexed, searched, test.indexed, test.searched)
		}
	}
	var many strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&many, "w%d ", i)
	}
	if indexed, _ := store.Words(many.String()); len(indexed) != 4096 {
		t.Errorf("%d words of one message", len(indexed))
	}
}
