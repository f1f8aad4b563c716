package poller

import "unicode/utf8"

func validText(p []byte) bool { return utf8.Valid(p) }

// validPrefix checks text that arrives in pieces: it returns how many bytes of p
// are complete characters. ok is false when p can't become UTF-8 whatever
// follows, so that bad text is refused at the fragment that breaks it.
func validPrefix(p []byte) (complete int, ok bool) {
	// Only the last character can be incomplete, and it has at most three bytes.
	cut := len(p)
	for i := 1; i <= utf8.UTFMax-1 && i <= len(p); i++ {
		if b := p[len(p)-i]; utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-i:]) {
				cut = len(p) - i
			}
			break
		}
	}
	return cut, utf8.Valid(p[:cut])
}
