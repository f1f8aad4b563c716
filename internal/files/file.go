package files

import (
	"net/url"
	"strings"

	"github.com/oklog/ulid/v2"

	"pushd/internal/codec"
)

// File is what is known about one file.
type File struct {
	ID       string // ULID
	Owner    string // who uploaded it; "" once that user is deleted
	Name     string // safe for a path and a disk; always with an extension
	Type     string // media type as sniffed, never as somebody said
	Size     int64  // bytes; while it is uploaded, what is reserved for it
	Width    int    // pixels as it is shown, of pictures and videos; 0 is unknown
	Height   int
	Duration int    // milliseconds, of sounds and videos; 0 is unknown
	Thumb    string // media type of its small picture; "" for none
	Attached bool   // some message carries it
	Created  int64  // Unix milliseconds
}

// Info is a file as clients see it.
type Info struct {
	ID       string `json:"id"`
	URL      string `json:"url"` // what a message carries; not readable without a token or a link
	Name     string `json:"name"`
	Type     string `json:"type"`
	Size     int64  `json:"size"`
	Width    int    `json:"width,omitempty"`
	Height   int    `json:"height,omitempty"`
	Duration int    `json:"duration,omitempty"` // milliseconds
	Thumb    string `json:"thumb,omitempty"`    // URL of the small picture
	Created  int64  `json:"created"`
}

func (f File) clientInfo() Info {
	i := Info{
		ID: f.ID, URL: f.url(), Name: f.Name, Type: f.Type, Size: f.Size,
		Width: f.Width, Height: f.Height, Duration: f.Duration, Created: f.Created,
	}
	if f.Thumb != "" {
		i.Thumb = f.thumbURL()
	}
	return i
}

// Prefix begins the path of every file.
const Prefix = "/files/"

// thumbName stands in a path where the name would, and is no file's name.
const thumbName = "thumb"

func (f File) url() string      { return Prefix + f.ID + "/" + url.PathEscape(f.Name) }
func (f File) thumbURL() string { return Prefix + f.ID + "/" + thumbName }

// parseURL reads the path of a file as it stands in a message; ok is false for
// what isn't one of ours.
func parseURL(path string) (id, name string, ok bool) {
	rest, ours := strings.CutPrefix(path, Prefix)
	id, escaped, named := strings.Cut(rest, "/")
	if !ours || !named || checkID(id) != nil {
		return "", "", false
	}
	name, err := url.PathUnescape(escaped)
	if err != nil || name == "" {
		return "", "", false
	}
	return id, name, true
}

// checkID answers 404 to what can't be the id of a file.
func checkID(id string) error {
	if parsed, err := ulid.ParseStrict(id); err != nil || parsed.String() != id {
		return notFound(id)
	}
	return nil
}

func notFound(id string) error {
	return codec.Errorf(codec.CodeNotFound, "there is no file %.64q", id)
}
