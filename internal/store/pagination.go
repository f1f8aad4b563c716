package store

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"pushd/internal/codec"
)

// A cursor holds the place of the last entry of a page, behind a mark by which
// nonsense is recognised. In lists that are in the order of a name, the place is the
// name.
const cursorMark = ">"

func encodeCursor(place string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorMark + place))
}

// decodeCursor is the place that a page begins after; "" for the first page.
func decodeCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	place, marked := strings.CutPrefix(string(b), cursorMark)
	if err != nil || !marked || !utf8.ValidString(place) || strings.ContainsRune(place, 0) {
		return "", cursorInvalid()
	}
	return place, nil
}

func cursorInvalid() error {
	return codec.Errorf(codec.CodeMalformed,
		"this cursor is not valid: send the next_cursor of the page before, or none to start at the beginning")
}

// firstPage makes a page of at most limit out of one that was asked for one more.
func firstPage[T any](found []T, limit int) (page []T, more bool) {
	if len(found) <= limit {
		return found, false
	}
	return slices.Clip(found[:limit]), true
}

// cursorPage is firstPage with the cursor of the next page, "" if there is none.
func cursorPage[T any](found []T, limit int, place func(T) string) (page []T, next string) {
	page, more := firstPage(found, limit)
	if more {
		next = encodeCursor(place(page[limit-1]))
	}
	return page, next
}
