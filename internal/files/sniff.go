package files

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"pushd/internal/codec"
)

// ErrType is the cause of an error about what a file is, so that HTTP can answer
// 415.
var ErrType = errors.New("files: not a type that is taken")

// anyType is what a file is called when its own type must not reach a browser, or
// isn't known. It is only ever downloaded.
const anyType = "application/octet-stream"

// sniffLen is how much of the beginning tells what a file is: as much as
// mimetype looks at.
const sniffLen = 4096

// DefaultTypes are taken when nothing else is configured: pictures, sounds,
// videos, and the documents and archives that people send each other.
func DefaultTypes() []string {
	return []string{
		"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic", "image/heif",
		"audio/*", "video/*", "application/ogg",
		"text/plain", "text/csv", "text/rtf", "text/calendar", "text/vcard", "application/json",
		"application/pdf", "application/epub+zip",
		"application/zip", "application/gzip", "application/x-7z-compressed", "application/vnd.rar", "application/x-tar",
		"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
		"application/vnd.openxmlformats-officedocument.*", "application/vnd.oasis.opendocument.*",
	}
}

// inline are the types that a browser may show in place: it runs nothing in
// them. All others are downloaded.
var inline = []string{"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "text/plain", "application/ogg"}

// active are types that browsers run, and with them whatever is made of them.
var active = []string{
	"text/html", "text/xml", "application/xhtml+xml", "image/svg+xml", "text/javascript", "text/x-php",
}

// types is the list of what is taken.
type types struct {
	exact    []string
	prefixes []string
}

func newTypes(list []string) *types {
	t := &types{}
	for _, one := range list {
		if prefix, wild := strings.CutSuffix(strings.ToLower(one), "*"); wild {
			t.prefixes = append(t.prefixes, prefix)
		} else {
			t.exact = append(t.exact, prefix)
		}
	}
	return t
}

func (t *types) has(essence string) bool {
	return slices.Contains(t.exact, essence) ||
		slices.ContainsFunc(t.prefixes, func(p string) bool { return strings.HasPrefix(essence, p) })
}

// judge says what a file that begins with head is, and the extension that goes
// with it. What the uploader declared decides nothing; but if it says picture,
// sound or video, and the content says otherwise, the file is refused.
func (t *types) judge(head []byte, declared string) (contentType, extension string, err error) {
	found := mimetype.Detect(head)
	declared = essence(declared)
	if f := family(declared); f != "" && f != family(essence(found.String())) {
		return "", "", refuse("this is sent as %.64s, but it is %s", declared, essence(found.String()))
	}
	for m := found; m != nil; m = m.Parent() {
		if slices.Contains(active, essence(m.String())) {
			return t.unnamed(essence(found.String()))
		}
	}
	// A second opinion, as browsers have it.
	if strings.HasPrefix(http.DetectContentType(head), "text/html") {
		return t.unnamed("text/html")
	}
	if family(declared) == "media" && found.Is(declared) && t.has(declared) {
		return declared, found.Extension(), nil // one container for sounds and videos, and he knows which
	}
	for m := found; m != nil; m = m.Parent() {
		e := essence(m.String())
		// Of what they are made of only these say enough: a source text is a text, and an
		// app is an archive, but a picture in an MP4 container is no video.
		if (m == found || e == "text/plain" || e == "application/zip" || e == "image/png") && e != anyType && t.has(e) {
			if e == "text/plain" || strings.HasPrefix(m.String(), "text/") {
				return m.String(), found.Extension(), nil // with its charset
			}
			return e, found.Extension(), nil
		}
	}
	return t.unnamed(essence(found.String()))
}

// unnamed is the way of what has a type that is not taken: as bytes to download,
// if those are.
func (t *types) unnamed(found string) (string, string, error) {
	if t.has(anyType) {
		return anyType, ".bin", nil
	}
	if found == anyType {
		return "", "", refuse("what this file is can't be told, and such files are not taken here")
	}
	return "", "", refuse("this file is %s, which is not taken here", found)
}

func refuse(format string, args ...any) error {
	e := codec.Errorf(codec.CodeMalformed, format, args...)
	e.Cause = ErrType
	return e
}

// essence is a media type without its parameters.
func essence(contentType string) string {
	e, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return e
}

// family is "image" or "media", and "" for the rest.
func family(essence string) string {
	switch kind, _, _ := strings.Cut(essence, "/"); {
	case kind == "image":
		return "image"
	case kind == "audio", kind == "video", essence == "application/ogg":
		return "media"
	}
	return ""
}

// shown tells whether a browser may show the type in place.
func shown(contentType string) bool {
	e := essence(contentType)
	return slices.Contains(inline, e) || family(e) == "media"
}
