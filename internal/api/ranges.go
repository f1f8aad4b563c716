package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// byteRange is a part of a file.
type byteRange struct{ offset, length int64 }

// requestedRange is the part that a GET asks for (RFC 9110, section 14). ok is false
// when all of it is the answer: no Range, one that isn't understood, several at
// once, which need not be obeyed, or one made for another version of the file.
// satisfiable is false when the part lies behind the end.
func requestedRange(
	h *fasthttp.RequestHeader, size int64, etag string, modified time.Time,
) (s byteRange, ok, satisfiable bool) {
	text, isBytes := strings.CutPrefix(string(h.Peek("Range")), "bytes=")
	if !isBytes || strings.Contains(text, ",") || !sameVersion(string(h.Peek("If-Range")), etag, modified) {
		return byteRange{}, false, false
	}
	first, last, dash := strings.Cut(strings.TrimSpace(text), "-")
	if !dash {
		return byteRange{}, false, false
	}
	if first == "" { // the last so many bytes
		n, err := digitsOnly(last)
		if err != nil {
			return byteRange{}, false, false
		}
		n = min(n, size)
		return byteRange{size - n, n}, true, n > 0
	}
	from, err := digitsOnly(first)
	if err != nil {
		return byteRange{}, false, false
	}
	to := size - 1
	if last != "" {
		if to, err = digitsOnly(last); err != nil || to < from {
			return byteRange{}, false, false
		}
		to = min(to, size-1)
	}
	return byteRange{from, to - from + 1}, true, from < size
}

// digitsOnly parses digits without a sign. More than 18 count as the largest number,
// which is beyond any file.
func digitsOnly(digits string) (int64, error) {
	if len(digits) > 18 {
		digits = strings.Repeat("9", 18)
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	return int64(n), err
}

// sameVersion is If-Range, which compares tags strongly and dates exactly.
func sameVersion(ifRange, etag string, modified time.Time) bool {
	if ifRange == "" || ifRange == etag {
		return true
	}
	date, err := http.ParseTime(ifRange)
	return err == nil && date.Equal(modified.Truncate(time.Second))
}

// unchanged tells whether the client has this version already; a tag counts more
// than a date.
func unchanged(h *fasthttp.RequestHeader, etag string, modified time.Time) bool {
	if tags := string(h.Peek("If-None-Match")); tags != "" {
		return etagMatches(tags, etag)
	}
	since, err := http.ParseTime(string(h.Peek("If-Modified-Since")))
	return err == nil && !modified.Truncate(time.Second).After(since)
}
