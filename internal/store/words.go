package store

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"pushd/internal/chat"
)

const (
	maxWord  = 64   // bytes; what is longer is no word that somebody searches for
	maxWords = 4096 // of one message
)

// words are what a message is found by: its distinct runs of letters and digits
// in lower case. Scripts that write no spaces between words are cut into single
// characters and pairs, so that any part of a run is found. Both engines are given
// the same words, cut here, so that they find the same.
func words(b chat.Body) []string {
	return wordsOf(b.Text + " " + b.Name)
}

func wordsOf(text string) []string {
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

// asked are the words of a search. Within an unspaced run the pairs say all that
// the single characters do.
func asked(text string) []string {
	all := wordsOf(text)
	paired := map[rune]bool{}
	for _, word := range all {
		if first, size := utf8.DecodeRuneInString(word); unspaced(first) && size < len(word) {
			last, _ := utf8.DecodeLastRuneInString(word)
			paired[first], paired[last] = true, true
		}
	}
	kept := all[:0]
	for _, word := range all {
		if first, size := utf8.DecodeRuneInString(word); size == len(word) && paired[first] {
			continue
		}
		kept = append(kept, word)
	}
	return kept
}

// unspaced tells whether a character is of a script that writes words together.
func unspaced(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// conversationWord stands among a message's words on PostgreSQL, so that the
// index alone finds a word in a conversation. No word of a text has a colon.
func conversationWord(number int64) string { return "c:" + strconv.FormatInt(number, 10) }

// wordsRow is the number of a message's row in SQLite's index of words: those of
// one conversation stand together, in their order.
func wordsRow(number int64, seq uint64) int64 { return number<<32 | int64(seq) }
