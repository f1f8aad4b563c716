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

// ErrType is in the chain of an error about the type of a file, so that HTTP can
// answer 415.
var ErrType = errors.New("files: this type is not accepted")

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
var inline = []string{
	"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "text/plain", "application/ogg",
}

// active are types that browsers run, as they do the types derived from them.
var active = []string{
	"text/html", "text/xml", "application/xhtml+xml", "image/svg+xml", "text/javascript", "text/x-php",
}

// types is the list of media types that are accepted.
type types struct {
	exact    []string
	prefixes []string
}

func newTypes(list []string) *types {
	t := &types{}
	for _, pattern := range list {
		if prefix, wild := strings.CutSuffix(strings.ToLower(pattern), "*"); wild {
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

// detect finds the type of a file that begins with head, and the extension that goes
// with it. The declared type decides nothing; but a file declared a picture, sound or
// video that is none by its content is refused.
func (t *types) detect(head []byte, declared string) (contentType, extension string, err error) {
	found := mimetype.Detect(head)
	declared = essence(declared)
	if f := family(declared); f != "" && f != family(essence(found.String())) {
		return "", "", refuse("this file is declared as %.64s, but its content is %s", declared, essence(found.String()))
	}
	for m := found; m != nil; m = m.Parent() {
		if slices.Contains(active, essence(m.String())) {
			return t.asBytes(essence(found.String()))
		}
	}
	// A second opinion, as browsers have it.
	if strings.HasPrefix(http.DetectContentType(head), "text/html") {
		return t.asBytes("text/html")
	}
	if family(declared) == "media" && found.Is(declared) && t.has(declared) {
		return declared, found.Extension(), nil // one container for sounds and videos, and the uploader knows which
	}
	for m := found; m != nil; m = m.Parent() {
		e := essence(m.String())
		// Of the types that a type is derived from only these say enough: a source text is
		// a text, and an app is an archive, but a picture in an MP4 container is no video.
		if (m == found || e == "text/plain" || e == "application/zip" || e == "image/png") && e != anyType && t.has(e) {
			if e == "text/plain" || strings.HasPrefix(m.String(), "text/") {
				return m.String(), found.Extension(), nil // with its charset
			}
			return e, found.Extension(), nil
		}
	}
	return t.asBytes(essence(found.String()))
}

// asBytes stores a file whose type is not accepted as bytes to download, if those
// are.
func (t *types) asBytes(found string) (string, string, error) {
	if t.has(anyType) {
		return anyType, ".bin", nil
	}
	if found == anyType {
		return "", "", refuse("the type of this file is not known, and such files are not accepted here")
	}
	return "", "", refuse("this file is %s, which is not accepted here", found)
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

// shownInline tells whether a browser may show the type in place.
func shownInline(contentType string) bool {
	e := essence(contentType)
	return slices.Contains(inline, e) || family(e) == "media"
}
