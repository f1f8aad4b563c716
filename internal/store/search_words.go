package store

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"pushd/internal/chat"
)

const (
	maxWord  = 64   // bytes; what is longer is no word that a user searches for
	maxWords = 4096 // of one message
)

// indexedWords are what a message is found by: its distinct runs of letters and digits
// in lower case. Scripts that write no spaces between words are cut into single
// characters and pairs, so that any part of a run is found. Both engines are given
// the same words, cut here, so that they find the same.
func indexedWords(b chat.Body) []string {
	return splitWords(b.Text + " " + b.Name)
}

func splitWords(text string) []string {
	var found []string
	seen := map[string]bool{}
	add := func(word string) {
		if word != "" && len(word) <= maxWord && !seen[word] && len(found) < maxWords {
			seen[word] = true
			found = append(found, word)
		}
	}
	var run strings.Builder
	var before rune // the character of an unspaced script before this one, or 0
	for _, r := range text {
		r = unicode.ToLower(r)
		switch {
		case r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.N):
			add(run.String())
			run.Reset()
			before = 0
		case unspaced(r):
			add(run.String())
			run.Reset()
			add(string(r))
			if before != 0 {
				add(string(before) + string(r))
			}
			before = r
		default:
			run.WriteRune(r)
			before = 0
		}
	}
	add(run.String())
	return found
}

// searchTerms are the words of a search. Within an unspaced run the pairs say all that
// the single characters do.
func searchTerms(text string) []string {
	all := splitWords(text)
	paired := map[rune]bool{}
	for _, word := range all {
		if first, size := utf8.DecodeRuneInString(word); unspaced(first) && size < len(word) {
			last, _ := utf8.DecodeLastRuneInString(word)
			paired[first], paired[last] = true, true
		}
	}
	terms := all[:0]
	for _, word := range all {
		if first, size := utf8.DecodeRuneInString(word); size == len(word) && paired[first] {
			continue
		}
		terms = append(terms, word)
	}
	return terms
}

// unspaced tells whether a character is of a script that writes words together.
func unspaced(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// joinWords is the words as an index takes them.
func joinWords(words []string) string { return strings.Join(words, " ") }
