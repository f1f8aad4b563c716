package api_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/api"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/files"
	"pushd/internal/store"
	"pushd/internal/testlog"
)

// fileFixture is a file service on a directory and a database of its own.
type fileFixture struct {
	service *files.Service
	store   *store.Store
}

// newFiles takes files of 100 KB, and 1 MB of each user.
func newFiles(t testing.TB) *fileFixture {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(dir, "pushd.db")})
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := files.Open(t.Context(), "file://"+filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bucket.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fileFixture{store: s, service: files.New(s, bucket, files.Options{Key: bytes.Repeat([]byte("k"), 32), MaxSize: 100_000, Quota: 1_000_000})}
}

func (f *fileFixture) upload(t testing.TB, user, name, content string) files.UploadReply {
	t.Helper()
	reply, err := f.service.Upload(t.Context(), account.Identity{User: user}, files.UploadRequest{Name: name, Size: -1, Body: strings.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// group makes one, of these users.
func (f *fileFixture) group(t testing.TB, id string, users ...string) {
	t.Helper()
	if _, err := f.store.CreateGroup(t.Context(), chat.GroupInfo{ID: id, Join: chat.JoinOpen, Limit: 10}, users, 0, 0); err != nil {
		t.Fatal(err)
	}
}

// openUsers takes a token for the user's id, as open mode does.
type openUsers struct{}

func (openUsers) Verify(token string) (account.Claims, error) {
	if strings.HasPrefix(token, "bad") {
		return account.Claims{}, codec.Errorf(codec.CodeUnauthorized, "this token is not good")
	}
	return account.Claims{User: token}, nil
}

// fileDoor is a public door with files behind it.
type fileDoor struct {
	*fileFixture
	t      *testing.T
	addr   string
	client *http.Client
	log    *testlog.Buffer
}

func newFileDoor(t *testing.T) *fileDoor {
	t.Helper()
	d := &fileDoor{fileFixture: newFiles(t), t: t, log: &testlog.Buffer{}}
	d.addr, d.client = newPublic(t, api.PublicOptions{
		Services: api.Services{Files: d.service}, Users: openUsers{},
		Log: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return d
}

// send makes a request as user, "" for nobody; header are pairs.
func (d *fileDoor) send(method, path, user string, body io.Reader, header ...string) response {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, "http://"+d.addr+path, body)
	if err != nil {
		d.t.Fatal(err)
	}
	if user != "" {
		req.Header.Set("Authorization", "Bearer "+user)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return roundTrip(d.t, d.client, req)
}

// post uploads over HTTP and expects that to work.
func (d *fileDoor) post(user, name, kind string, content []byte) files.UploadReply {
	d.t.Helper()
	resp := d.send("POST", "/api/v1/files?name="+url.QueryEscape(name), user, bytes.NewReader(content), "Content-Type", kind)
	return uploaded(d.t, resp)
}

func uploaded(t *testing.T, resp response) (reply files.UploadReply) {
	t.Helper()
	if resp.StatusCode != 200 {
		t.Fatalf("reply %d %s", resp.StatusCode, resp.body)
	}
	if err := json.Unmarshal([]byte(resp.body), &reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

// field is one part of a form; a file if it has a file name.
type field struct {
	name, file, kind string
	content          []byte
}

func form(t *testing.T, fields ...field) (body []byte, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		h := textproto.MIMEHeader{}
		disposition := `form-data; name="` + f.name + `"`
		if f.file != "" {
			disposition += `; filename="` + strings.TrimPrefix(f.file, "-") + `"`
		}
		h.Set("Content-Disposition", disposition)
		if f.kind != "" {
			h.Set("Content-Type", f.kind)
		}
		p, err := w.CreatePart(h)
		if err == nil {
			_, err = p.Write(f.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

// picture is a PNG of noise, so that it takes some bytes.
func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	p := image.NewGray(image.Rect(0, 0, w, h))
	seed := uint32(1)
	for y := range h {
		for x := range w {
			seed = seed*1664525 + 1013904223
			p.SetGray(x, y, color.Gray{Y: byte(seed >> 24)})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
