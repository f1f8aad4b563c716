package chat

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"pushd/internal/codec"
)

// Bounds of a message, beside those of Limits.
const (
	maxURL      = 2048 // bytes
	maxName     = 255  // bytes
	maxClientID = 128  // bytes
	maxMention  = 100  // users
	maxSign     = 32   // bytes
)

// Limits are the bounds of a body that a site chooses.
type Limits struct {
	MaxText int // bytes of a text
	MaxData int // bytes of a custom message's object
}

// Check says what is wrong with a body that somebody wants to send: a *codec.Error
// with code 400, or 413 for what is too large. A field that doesn't belong to the
// type is refused, as it would otherwise be lost silently.
func Check(b *Body, l Limits) error {
	switch b.Type {
	case TypeText:
		return textBody(b, l)
	case TypeImage, TypeVoice, TypeVideo, TypeFile:
		return fileBody(b)
	case TypeCustom:
		return dataBody(b, l)
	case "":
		return malformed("type is missing: text, img, voice, video, file or custom")
	case TypeNotice, TypeRecalled, TypeGone:
		return malformed("a message of type %s is the server's own", b.Type)
	}
	return malformed("there is no type %.32q: it is text, img, voice, video, file or custom", b.Type)
}

func textBody(b *Body, l Limits) error {
	switch {
	case b.hasFile():
		return malformed("a text has no url, name, size, width, height, duration and thumb")
	case len(b.Data) > 0:
		return malformed("a text has no data; type custom has")
	case strings.TrimSpace(b.Text) == "":
		return malformed("text is empty")
	case len(b.Text) > l.MaxText:
		return tooLarge("text is at most %d bytes long, not %d", l.MaxText, len(b.Text))
	}
	return plain("text", b.Text)
}

func fileBody(b *Body) error {
	switch {
	case b.Text != "":
		return malformed("type %s has no text", b.Type)
	case len(b.Data) > 0:
		return malformed("type %s has no data", b.Type)
	case b.URL == "":
		return malformed("url is missing: upload the file over HTTP and send the URL of the reply")
	case b.Size < 0 || b.Width < 0 || b.Height < 0 || b.Duration < 0:
		return malformed("size, width, height and duration are not negative")
	case len(b.Name) > maxName:
		return tooLarge("name is at most %d bytes long, not %d", maxName, len(b.Name))
	}
	if err := plain("name", b.Name); err != nil {
		return err
	}
	if err := checkURL("url", b.URL); err != nil {
		return err
	}
	if b.Thumb == "" {
		return nil
	}
	return checkURL("thumb", b.Thumb)
}

func dataBody(b *Body, l Limits) error {
	switch {
	case b.Text != "" || b.hasFile():
		return malformed("type %s has nothing but data", b.Type)
	case len(b.Data) == 0 || string(b.Data) == "null":
		return malformed("data is missing: any object")
	case len(b.Data) > l.MaxData:
		return tooLarge("data is at most %d bytes long, not %d", l.MaxData, len(b.Data))
	}
	if err := codec.ValidObject(b.Data); err != nil {
		return malformed("data: %s", codec.AsError(err).Msg)
	}
	return nil
}

// hasFile reports whether a field of the kinds with a file is set.
func (b *Body) hasFile() bool {
	return b.URL != "" || b.Name != "" || b.Thumb != "" || b.Size != 0 || b.Width != 0 || b.Height != 0 || b.Duration != 0
}

// filesPath begins the path of what was uploaded to this server.
const filesPath = "/files/"

// checkURL lets through what a browser can be given as an address without doing
// more than fetching it.
func checkURL(field, text string) error {
	if len(text) > maxURL {
		return tooLarge("%s is at most %d bytes long, not %d", field, maxURL, len(text))
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !printable(text) || strings.ContainsAny(text, " \\"):
	case u.Scheme == "http" || u.Scheme == "https":
		if u.Host != "" {
			return nil
		}
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(text, filesPath) && !strings.Contains(u.Path, ".."):
		return nil
	}
	return malformed("%s must be http://…, https://… or a path of this server that begins with %s", field, filesPath)
}

// plain refuses what databases and other clients choke on.
func plain(field, text string) error {
	switch {
	case !utf8.ValidString(text):
		return malformed("%s must be UTF-8", field)
	case strings.ContainsRune(text, 0):
		return malformed("%s must not contain NUL", field)
	}
	return nil
}

// printable is for names: UTF-8 without control characters.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func malformed(format string, args ...any) error {
	return codec.Errorf(codec.CodeMalformed, format, args...)
}

func forbidden(format string, args ...any) error {
	return codec.Errorf(codec.CodeForbidden, format, args...)
}

func tooLarge(format string, args ...any) error {
	return codec.Errorf(codec.CodeTooLarge, format, args...)
}
