package chat

import (
	"strings"

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
		return malformed("only the server sends messages of type %s", b.Type)
	}
	return malformed("there is no type %.32q: it is text, img, voice, video, file or custom", b.Type)
}

func textBody(b *Body, l Limits) error {
	switch {
	case b.hasFile():
		return malformed("a text has no url, name, size, width, height, duration or thumb: leave them out")
	case len(b.Data) > 0:
		return malformed("a text has no data: leave it out, or send type custom")
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
		return malformed("type %s has no text: leave it out", b.Type)
	case len(b.Data) > 0:
		return malformed("type %s has no data: leave it out", b.Type)
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
		return malformed("type %s has data and nothing else: leave the other fields out", b.Type)
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
	return b.URL != "" || b.Name != "" || b.Thumb != "" ||
		b.Size != 0 || b.Width != 0 || b.Height != 0 || b.Duration != 0
}
