package files_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"pushd/internal/codec"
	"pushd/internal/files"
)

// fakeS3 is a server that speaks enough of S3, and the address of a bucket there.
// While locked is set it refuses everything, which the SDK doesn't try again.
func fakeS3(t *testing.T) (locked *atomic.Bool, backend *s3mem.Backend, address string) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	backend = s3mem.New()
	if err := backend.CreateBucket("uploads"); err != nil {
		t.Fatal(err)
	}
	locked, open := &atomic.Bool{}, gofakes3.New(backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if locked.Load() {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		open.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return locked, backend, "s3://uploads?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
}

func TestAnS3BucketHoldsFilesToo(t *testing.T) {
	_, backend, address := fakeS3(t)
	bucket, err := files.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.Reachable(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, store: newMemory(), now: time.UnixMilli(1_790_000_000_000)}
	b.start(bucket)

	png := encoded(t, "image/png", painting(640, 480, false))
	picture, video := b.upload("a.png", "image/png", png), b.upload("clip.mp4", "video/mp4", testdata(t, "clip.mp4"))
	large := bytes.Repeat([]byte("a long text\n"), 1<<20) // more than one part
	text := b.upload("a.txt", "", large)
	for reply, want := range map[files.UploadReply][]byte{picture: png, video: testdata(t, "clip.mp4"), text: large} {
		if got, _ := b.stored(reply, false); !bytes.Equal(got, want) {
			t.Errorf("%s came back with %d bytes, want %d", reply.Name, len(got), len(want))
		}
	}
	b.stored(picture, true)
	if video.Duration != 1500 || video.Width != 96 || picture.Width != 640 {
		t.Errorf("video %+v, picture %+v", video, picture)
	}
	c, err := b.Open(t.Context(), user("ada"), files.OpenRequest{ID: text.ID, Name: text.Name})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Read(t.Context(), 12, 6)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	part := new(bytes.Buffer)
	if _, err := part.ReadFrom(r); err != nil || part.String() != "a long" {
		t.Errorf("read %q (%v)", part, err)
	}

	_, err = b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: -1, Body: &broken{strings.NewReader(strings.Repeat("x", 12<<20)), os.ErrDeadlineExceeded}})
	wantCode(t, "a body that breaks off after some parts", err, codec.CodeMalformed)
	for _, f := range []files.UploadReply{picture, video, text} {
		if _, err := b.Delete(t.Context(), user("ada"), files.DeleteRequest{ID: f.ID}); err != nil {
			t.Fatal(err)
		}
	}
	b.clean(0)
	list, err := backend.ListBucket("uploads", nil, gofakes3.ListBucketPage{})
	if err != nil || len(list.Contents) > 0 || len(b.store.rows) > 0 || b.store.used["ada"] != 0 {
		t.Errorf("left: %d objects (%v), %v, %d bytes used", len(list.Contents), err, b.store.rows, b.store.used["ada"])
	}
}

func TestWithoutItsS3BucketAFileIsTold503(t *testing.T) {
	locked, _, address := fakeS3(t)
	bucket, err := files.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, store: newMemory(), now: time.UnixMilli(1_790_000_000_000)}
	b.start(bucket)
	f := b.upload("a.txt", "", []byte("text"))
	locked.Store(true)
	_, err = b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: -1, Body: strings.NewReader("text")})
	wantCode(t, "an upload", err, codec.CodeUnavailable)
	c, err := b.Open(t.Context(), user("ada"), files.OpenRequest{ID: f.ID, Name: f.Name})
	if err == nil {
		_, err = c.Read(t.Context(), 0, -1)
	}
	wantCode(t, "a download", err, codec.CodeUnavailable)
	if err := bucket.Reachable(t.Context()); err == nil {
		t.Error("it is called reachable")
	}
}

func TestOpenNamesTheAddressesThatItTakes(t *testing.T) {
	for _, address := range []string{"", "x", "files", "file://host/dir", "file:dir", "file:///dir?metadata=x", "s3://", "gs://bucket", "mem://", "s3://b?nonsense=1", "http://example.com/"} {
		if b, err := files.Open(t.Context(), address); err == nil {
			b.Close()
			t.Errorf("%q was taken", address)
		}
	}
	dir := t.TempDir() + "/a b/ü"
	b, err := files.Open(t.Context(), (&url.URL{Scheme: "file", Path: dir}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v %v", info, err)
	}
	if err := b.Reachable(t.Context()); err != nil {
		t.Error(err)
	}
}
