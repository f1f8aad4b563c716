package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/valyala/fasthttp"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/files"
)

// fileRoutes is what users reach of files. Downloads are not under /api/v1/: their
// paths are what messages carry, and work in an <img>.
func fileRoutes(s *files.Service) []route {
	link := func(r *request) (account.Identity, error) { return redeem(r, s) }
	return []route{
		{method: "POST", path: "/api/v1/files", handle: upload(s), timeout: transferTime},
		{method: "GET", path: "/api/v1/files", handle: call(bind, s.List)},
		{method: "POST", path: "/api/v1/files/links", handle: call(bind, s.Links)},
		{method: "GET", path: "/api/v1/files/{id}", handle: call(bind, s.Info)},
		{method: "DELETE", path: "/api/v1/files/{id}", handle: call(bind, s.Delete)},
		{method: "GET", path: "/api/v1/files/{id}/link", handle: call(bind, s.Link)},
		{method: "GET", path: "/files/{id}/thumb", handle: download(s, true), timeout: transferTime, link: link},
		{method: "GET", path: "/files/{id}/{name}", handle: download(s, false), timeout: transferTime, link: link},
	}
}

// fileAdminRoutes is what admins reach of them.
func fileAdminRoutes(s *files.Service) []route {
	return []route{
		{method: "GET", path: "/api/files/{id}", handle: call(bind, s.AdminInfo), logged: true},
		{method: "DELETE", path: "/api/files/{id}", handle: call(bind, s.AdminDelete), logged: true},
	}
}

// upload takes a file as the whole body, or as the one file of a form.
func upload(s *files.Service) handler {
	return func(r *request) error {
		q, err := query(r, "name", "conv")
		if err != nil {
			return err
		}
		h := &r.http.Request.Header
		if e := h.ContentEncoding(); len(e) > 0 && string(e) != "identity" {
			return unsupported("send the body without Content-Encoding")
		}
		declared := string(h.ContentType())
		kind, params, err := mime.ParseMediaType(declared)
		if declared != "" && err != nil {
			return codec.Errorf(codec.CodeMalformed, "Content-Type can't be read: %.128q", declared)
		}
		// A length of -1 stands for chunks, and a smaller one for none at all.
		length := int64(h.ContentLength())
		if length == 0 || length < -1 {
			return codec.Errorf(codec.CodeMalformed, "the body is empty; a file is expected")
		}
		in := streamRequest(r)
		u := files.UploadRequest{Name: q["name"], Type: kind, Conv: q["conv"], Size: length, Body: in}
		if kind == "multipart/form-data" {
			// The length of a form says little about that of its file.
			if u.Size > s.MaxSize() {
				u.Size = -1
			}
			if length > s.MaxSize()+maxFormAround {
				return codec.Errorf(codec.CodeTooLarge, "a file is at most %d bytes long", s.MaxSize())
			}
			if err := openForm(&u, in, params["boundary"]); err != nil {
				return err
			}
		} else if kind == "application/x-www-form-urlencoded" {
			u.Type = "" // what curl --data-binary says of everything
		}
		rep, err := s.Upload(r, r.identity, u)
		if errors.Is(err, files.ErrType) {
			return &statusError{fasthttp.StatusUnsupportedMediaType, codec.AsError(err)}
		}
		if err != nil {
			return err
		}
		return reply(r, rep)
	}
}

// Bounds of a form.
const (
	maxFormFields = 8
	maxFormField  = 1 << 10 // bytes
	// maxFormAround is what the fields and all borders and headers may take.
	maxFormAround = 64 << 10
)

// openForm reads a form up to its file, which becomes the upload's body. Fields
// named name and conv, before the file, are what the query's are.
func openForm(u *files.UploadRequest, body io.Reader, boundary string) error {
	if boundary == "" || len(boundary) > 70 {
		return codec.Errorf(codec.CodeMalformed, "a form needs a boundary of 1 to 70 characters in its Content-Type")
	}
	form := multipart.NewReader(body, boundary)
	for range maxFormFields {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			return codec.Errorf(codec.CodeMalformed, "there is no file in this form")
		}
		if err != nil {
			return brokenForm(err)
		}
		if part.FileName() != "" || hasFileName(part) {
			if u.Name == "" {
				u.Name = part.FileName()
			}
			u.Type = part.Header.Get("Content-Type")
			u.Body = &formFile{form: form, part: part}
			return nil
		}
		var into *string
		switch part.FormName() {
		case "name":
			into = &u.Name
		case "conv":
			into = &u.Conv
		default:
			return unknown("field", part.FormName(), nearest(part.FormName(), []string{"conv", "file", "name"}))
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
		if err != nil {
			return brokenForm(err)
		}
		if len(value) > maxFormField {
			return codec.Errorf(codec.CodeTooLarge, "a field of a form is at most %d bytes long", maxFormField)
		}
		if *into != "" {
			return codec.Errorf(codec.CodeMalformed, "%s comes twice", part.FormName())
		}
		*into = string(value)
	}
	return codec.Errorf(codec.CodeMalformed, "there is no file among the first %d fields of this form", maxFormFields)
}

// hasFileName is true also for filename="", as a browser sends it for a Blob without
// a name.
func hasFileName(part *multipart.Part) bool {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	_, named := params["filename"]
	return err == nil && named
}

// formFile is a form's file. It ends well only where the form does.
type formFile struct {
	form *multipart.Reader
	part *multipart.Part
	done bool
}

func (f *formFile) Read(p []byte) (int, error) {
	if f.done {
		return 0, io.EOF
	}
	n, err := f.part.Read(p)
	if !errors.Is(err, io.EOF) {
		if err != nil {
			err = brokenForm(err)
		}
		return n, err
	}
	switch _, err := f.form.NextRawPart(); {
	case err == nil:
		return n, codec.Errorf(codec.CodeMalformed,
			"a form has one file, as its last field; send the others in forms of their own")
	case !errors.Is(err, io.EOF):
		return n, brokenForm(err)
	}
	f.done = true
	return n, io.EOF
}

// brokenForm keeps an answer that came through the form's reader.
func brokenForm(err error) error {
	if _, answered := errors.AsType[*codec.Error](err); answered {
		return err
	}
	e := codec.Errorf(codec.CodeMalformed, "this form can't be read: it is cut short or damaged")
	e.Cause = err
	return e
}

// redeem finds the user of a link by its query.
func redeem(r *request, s *files.Service) (account.Identity, error) {
	q := r.http.QueryArgs()
	if !q.Has("k") {
		return account.Identity{}, codec.Errorf(codec.CodeUnauthorized,
			"a token is needed, as Authorization: Bearer <token>, or a link that GET /api/v1/files/{id}/link makes")
	}
	return s.Redeem(r.params[0], files.Signature{
		User: string(q.Peek("u")), Expires: string(q.Peek("e")), MAC: string(q.Peek("k")),
	})
}

// filePolicy lets what is shown of a file reach nothing and run nothing.
const filePolicy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"

// download serves a file, or its thumbnail.
func download(s *files.Service, thumb bool) handler {
	return func(r *request) error {
		q, err := query(r, "u", "e", "k", "download")
		if err != nil {
			return err
		}
		open := files.OpenRequest{ID: r.params[0], Thumb: thumb}
		if !thumb {
			open.Name = r.params[1]
		}
		c, err := s.Open(r, r.identity, open)
		if err != nil {
			return err
		}
		h := &r.http.Response.Header
		etag := `"` + c.Tag + `"`
		h.Set("ETag", etag)
		h.Set("Last-Modified", c.Modified.UTC().Format(http.TimeFormat))
		h.Set("Accept-Ranges", "bytes")
		// A file never changes, so a browser may show it again without asking. A proxy
		// must not keep it.
		h.Set("Cache-Control", "private, max-age=86400, immutable")
		h.Add("Vary", "Authorization") // nor may the next user of the same browser
		h.Set("Content-Security-Policy", filePolicy)
		h.Set("Referrer-Policy", "no-referrer") // the address may be a link
		h.Set("Content-Disposition", disposition(c.Name, c.Inline && q["download"] == ""))
		request := &r.http.Request.Header
		if unchanged(request, etag, c.Modified) {
			r.http.SetStatusCode(fasthttp.StatusNotModified)
			return nil
		}
		h.SetContentType(c.Type)
		if r.http.IsHead() {
			headOnly(r, c.Size)
			return nil
		}
		part, partial, satisfiable := requestedRange(request, c.Size, etag, c.Modified)
		switch {
		case !partial:
			part = byteRange{0, c.Size}
		case !satisfiable:
			h.Set("Content-Range", "bytes */"+strconv.FormatInt(c.Size, 10))
			return &statusError{
				fasthttp.StatusRequestedRangeNotSatisfiable,
				codec.Errorf(codec.CodeMalformed, "this file has %d bytes; ask for a part of them", c.Size),
			}
		default:
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.offset, part.offset+part.length-1, c.Size))
			r.http.SetStatusCode(fasthttp.StatusPartialContent)
		}
		content, err := c.Read(r, part.offset, part.length)
		if err != nil {
			h.Del("Content-Range")
			return err
		}
		streamReply(r, content, part.length)
		return nil
	}
}

// disposition is the header of RFC 6266: an ASCII stand-in for old clients, and
// the name itself for the others.
func disposition(name string, inline bool) string {
	kind := "attachment"
	if inline {
		kind = "inline"
	}
	ascii := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || r < ' ' || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	if ascii == name {
		return kind + `; filename="` + name + `"`
	}
	return kind + `; filename="` + ascii + `"; filename*=UTF-8''` + percent(name)
}

// percent escapes all but the attr-char of RFC 5987.
func percent(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
