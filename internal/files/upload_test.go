package files_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/files"
)

func TestPicturesSoundsAndVideosComeBackAsTheyWere(t *testing.T) {
	for _, c := range []struct {
		name, declared, kind    string
		content                 []byte
		width, height, duration int
		thumb                   string
		shown                   bool
	}{
		{name: "a.png", declared: "image/png", kind: "image/png", content: encoded(t, "image/png", painting(640, 480, false)), width: 640, height: 480, thumb: "image/jpeg", shown: true},
		{name: "glass.png", kind: "image/png", content: encoded(t, "image/png", painting(50, 30, true)), width: 50, height: 30, thumb: "image/png", shown: true},
		{name: "a.jpg", declared: "image/jpeg", kind: "image/jpeg", content: encoded(t, "image/jpeg", painting(100, 1000, false)), width: 100, height: 1000, thumb: "image/jpeg", shown: true},
		{name: "a.gif", declared: "application/octet-stream", kind: "image/gif", content: encoded(t, "image/gif", painting(40, 40, false)), width: 40, height: 40, thumb: "image/jpeg", shown: true},
		{name: "still.webp", kind: "image/webp", content: testdata(t, "still.webp"), width: 48, height: 32, thumb: "image/jpeg", shown: true},
		{name: "moving.webp", kind: "image/webp", content: testdata(t, "moving.webp"), width: 48, height: 32, shown: true},
		{name: "a.wav", declared: "audio/wav", kind: "audio/wav", content: wave(750), duration: 750, shown: true},
		{name: "tone.mp3", declared: "audio/mpeg", kind: "audio/mpeg", content: testdata(t, "tone.mp3"), shown: true},
		{name: "tone.ogg", declared: "audio/ogg", kind: "audio/ogg", content: testdata(t, "tone.ogg"), shown: true},
		{name: "tone.m4a", declared: "audio/mp4", kind: "audio/x-m4a", content: testdata(t, "tone.m4a"), duration: 1000, shown: true},
		{name: "voice.webm", declared: "audio/webm;codecs=opus", kind: "audio/webm", content: testdata(t, "voice.webm"), shown: true},
		{name: "clip.mp4", declared: "video/mp4", kind: "video/mp4", content: testdata(t, "clip.mp4"), width: 96, height: 64, duration: 1500, shown: true},
		{name: "clip.webm", declared: "video/webm", kind: "video/webm", content: testdata(t, "clip.webm"), shown: true},
		{name: "a.pdf", declared: "application/pdf", kind: "application/pdf", content: []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n")},
		{name: "a.zip", kind: "application/zip", content: []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00 not much of one")},
		{name: "a.txt", declared: "text/plain", kind: "text/plain; charset=utf-8", content: []byte("Grüße\n"), shown: true},
		{name: "a.go", declared: "text/x-go", kind: "text/plain; charset=utf-8", content: []byte("package a\n"), shown: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			reply := b.upload(c.name, c.declared, c.content)
			if reply.Name != c.name || reply.Type != c.kind || reply.Size != int64(len(c.content)) ||
				reply.Width != c.width || reply.Height != c.height || reply.Duration != c.duration || (reply.Thumb != "") != (c.thumb != "") {
				t.Errorf("reply %+v", reply)
			}
			if want := "/files/" + reply.ID + "/" + c.name; reply.URL != want || !strings.HasPrefix(reply.Link, want+"?") {
				t.Errorf("url %s, link %s, want %s", reply.URL, reply.Link, want)
			}
			got, content := b.stored(reply, false)
			if !bytes.Equal(got, c.content) || content.Type != c.kind || content.Inline != c.shown {
				t.Errorf("%d bytes of %s, inline %v", len(got), content.Type, content.Inline)
			}
			if c.thumb == "" {
				_, err := b.Open(t.Context(), user("ada"), files.OpenRequest{ID: reply.ID, Thumb: true})
				wantCode(t, "a thumbnail that isn't there", err, codec.CodeNotFound)
				return
			}
			small, content := b.stored(reply, true)
			config, _, err := image.DecodeConfig(bytes.NewReader(small))
			if err != nil || content.Type != c.thumb || max(config.Width, config.Height) != min(320, max(c.width, c.height)) {
				t.Errorf("thumbnail of %s, %+v: %v", content.Type, config, err)
			}
		})
	}
}

// withOrientation puts an EXIF segment into a JPEG.
func withOrientation(jpeg []byte, o byte) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(rune(o)) + "\x00\x00\x00\x00\x00\x00")
	segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	return append(append(append([]byte{}, jpeg[:2]...), segment...), jpeg[2:]...)
}

func TestThumbnailsAreTurnedAsTheCameraWasHeld(t *testing.T) {
	b := newBench(t)
	jpeg := encoded(t, "image/jpeg", painting(64, 32, false))
	// The colour that comes to the upper left, by orientation.
	corner := map[byte]string{1: "red", 2: "green", 3: "dark", 4: "blue", 5: "red", 6: "blue", 7: "dark", 8: "green"}
	for o := byte(1); o <= 8; o++ {
		reply := b.upload("photo.jpg", "image/jpeg", withOrientation(jpeg, o))
		wide := o < 5
		if (reply.Width == 64) != wide || (reply.Height == 32) != wide {
			t.Errorf("orientation %d: %d × %d", o, reply.Width, reply.Height)
		}
		small, _ := b.stored(reply, true)
		p, _, err := image.Decode(bytes.NewReader(small))
		if err != nil {
			t.Fatal(err)
		}
		red, green, blue, _ := p.At(4, 4).RGBA()
		got := "dark"
		switch {
		case red > 0x8000:
			got = "red"
		case green > 0x8000:
			got = "green"
		case blue > 0x8000:
			got = "blue"
		}
		if got != corner[o] || (p.Bounds().Dx() == 64) != wide {
			t.Errorf("orientation %d: %v, %s in the corner, want %s", o, p.Bounds(), got, corner[o])
		}
	}
}

// bombPNG is a few bytes that claim to be a huge picture.
func bombPNG(w, h uint32) []byte {
	header := []byte("IHDR\x00\x00\x00\x00\x00\x00\x00\x00\x08\x02\x00\x00\x00")
	binary.BigEndian.PutUint32(header[4:], w)
	binary.BigEndian.PutUint32(header[8:], h)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(header))
}

func TestWhatIsNotTakenLeavesNothing(t *testing.T) {
	html := []byte("<!DOCTYPE html><html><script>alert(1)</script></html>")
	svg := []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	png := encoded(t, "image/png", painting(20, 20, false))
	for _, c := range []struct {
		name, declared, says string
		content              []byte
		code                 int
		kind                 bool // refused for its type
	}{
		{name: "page that says it is a picture", declared: "image/png", content: html, code: 400, kind: true, says: "image/png, but its content is text/html"},
		{name: "page", declared: "text/html", content: html, code: 400, kind: true, says: "text/html, which is not accepted"},
		{name: "page that says it is text", declared: "text/plain", content: html, code: 400, kind: true, says: "text/html"},
		{name: "page after much space", declared: "text/plain", content: append(bytes.Repeat([]byte(" \n"), 200), html...), code: 400, kind: true, says: "text/html"},
		{name: "drawing with a script", declared: "image/svg+xml", content: svg, code: 400, kind: true, says: "svg"},
		{name: "drawing that says it is a video", declared: "video/mp4", content: svg, code: 400, kind: true, says: "svg"},
		{name: "XML", content: []byte(`<?xml version="1.0"?><a/>`), code: 400, kind: true, says: "xml"},
		{name: "script", declared: "text/plain", content: []byte("#!/usr/bin/env node\nprocess.exit()"), code: 400, kind: true, says: "javascript"},
		{name: "picture that says it is a sound", declared: "audio/mpeg", content: png, code: 400, kind: true, says: "image/png"},
		{name: "sound that says it is a picture", declared: "image/jpeg", content: wave(10), code: 400, kind: true, says: "audio/wav"},
		{name: "program", declared: "application/zip", content: []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00"), code: 400, kind: true, says: "not accepted"},
		{name: "unknown bytes", content: []byte{1, 2, 3, 4, 0xff, 0xfe}, code: 400, kind: true, says: "is not known"},
		{name: "nothing", content: nil, code: 400, says: "empty"},
		{name: "picture cut short before its size", declared: "image/png", content: png[:18], code: 400, kind: true, says: "cut short"},
		{name: "bomb", declared: "image/png", content: bombPNG(50_000, 50_000), code: 413, says: "50000 × 50000"},
		{name: "bomb beyond 32 bits", declared: "image/png", content: bombPNG(1<<31-1, 1<<31-1), code: 400, kind: true, says: "can't be read"},
		{name: "picture without pixels", declared: "image/png", content: bombPNG(0, 10), code: 400, kind: true},
		{name: "too long", content: bytes.Repeat([]byte("long "), 1000), code: 413, says: "2000 bytes"},
	} {
		for _, size := range []string{"declared", "unknown"} {
			t.Run(c.name+", length "+size, func(t *testing.T) {
				b := newBench(t, func(o *files.Options) { o.MaxSize = 2000 })
				r := files.UploadRequest{Name: "x.png", Type: c.declared, Size: -1, Body: bytes.NewReader(c.content)}
				if size == "declared" {
					r.Size = int64(len(c.content))
				}
				_, err := b.Upload(t.Context(), user("ada"), r)
				wantCode(t, c.name, err, c.code)
				if errors.Is(err, files.ErrType) != c.kind || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, about its type: %v", err, errors.Is(err, files.ErrType))
				}
				b.nothingLeft()
			})
		}
	}
}

func TestAPictureCutShortBehindItsSizeIsStoredWithoutThumbnail(t *testing.T) {
	b := newBench(t)
	png := encoded(t, "image/png", painting(200, 200, false))
	reply := b.upload("cut.png", "image/png", png[:len(png)/2])
	if reply.Width != 200 || reply.Thumb != "" {
		t.Errorf("reply %+v", reply)
	}
}

func TestWhatBrowsersRunIsOnlyEverDownloadedWhereItIsTaken(t *testing.T) {
	b := newBench(t, func(o *files.Options) { o.Types = []string{"*"} })
	for name, content := range map[string]string{
		"page.html": "<html><body>hi</body></html>",
		"pic.svg":   `<svg xmlns="http://www.w3.org/2000/svg"/>`,
		"feed.xml":  `<?xml version="1.0"?><rss/>`,
	} {
		reply := b.upload(name, "", []byte(content))
		if _, c := b.stored(reply, false); c.Type != "application/octet-stream" || c.Inline || c.Name != name {
			t.Errorf("%s is served as %s, inline %v, named %s", name, c.Type, c.Inline, c.Name)
		}
	}
}

// broken gives some of a body, and then an error.
type broken struct {
	io.Reader
	err error
}

func (b *broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

func TestABodyThatBreaksOffLeavesNothing(t *testing.T) {
	answer := codec.Errorf(codec.CodeTooLarge, "an answer of the door's own")
	for name, c := range map[string]struct {
		length int
		err    error
		code   int
	}{
		"in its first bytes":       {10, io.ErrUnexpectedEOF, 400},
		"in the middle":            {100_000, io.ErrUnexpectedEOF, 400},
		"with the network's error": {100_000, errors.New("connection reset"), 400},
		"with an answer":           {100_000, answer, 413},
		"at once":                  {0, answer, 413},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			body := &broken{bytes.NewReader(bytes.Repeat([]byte("a text "), c.length)[:c.length]), c.err}
			_, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: -1, Body: body})
			wantCode(t, name, err, c.code)
			b.nothingLeft()
		})
	}
}

func TestNamesAreMadeSafe(t *testing.T) {
	b := newBench(t, func(o *files.Options) { o.Types = append(files.DefaultTypes(), "application/octet-stream") })
	text, png, page := []byte("some text"), encoded(t, "image/png", painting(2, 2, false)), []byte("<html>")
	for _, c := range []struct {
		name string
		as   []byte
		want string
	}{
		{"../../etc/passwd", text, "passwd.txt"},
		{`..\..\windows\system.ini`, text, "system.ini"},
		{"/", text, "file.txt"},
		{"..", text, "file.txt"},
		{"...", png, "file.png"},
		{".htaccess", text, "htaccess.txt"},
		{"", png, "file.png"},
		{"thumb", png, "thumb.png"},
		{"a\x00b\r\nSet-Cookie: x.txt", text, "abSet-Cookie_ x.txt"},
		{"photo\u202egpj.exe", png, "photogpj.exe.png"},
		{"evil.html", png, "evil.html.png"},
		{"evil.html", page, "evil.html"},
		{"100%25.png", png, "100_25.png"},
		{"naïve café — 猫.png", png, "naïve café — 猫.png"},
		{"\xff\xfe.png", png, "_.png"},
		{`a<b>:"|?*.png`, png, "a_b______.png"},
		{strings.Repeat("é", 200) + ".jpeg", png, strings.Repeat("é", 125) + ".jpeg"},
		{"a." + strings.Repeat("x", 300), text, "a." + strings.Repeat("x", 249) + ".bin"},
		{" spaced . ", png, "spaced.png"},
	} {
		reply := b.upload(c.name, "", c.as)
		if reply.Name != c.want || len(reply.Name) > 255 {
			t.Errorf("%q became %q, want %q", c.name, reply.Name, c.want)
		}
		b.stored(reply, false)
	}
	for _, path := range b.onDisk() {
		if !strings.HasPrefix(path, b.dir) || strings.Count(strings.TrimPrefix(path, b.dir), string(os.PathSeparator)) != 2 {
			t.Errorf("stored at %s", path)
		}
	}
}

func TestQuotaAndUploadsAtOnceAreBounded(t *testing.T) {
	b := newBench(t, func(o *files.Options) { o.Quota, o.PerUser, o.AtOnce, o.MaxSize = 100, 2, 3, 1000 })
	b.upload("a.txt", "", bytes.Repeat([]byte("a"), 60))
	_, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: 41, Body: strings.NewReader(strings.Repeat("b", 41))})
	wantCode(t, "over the quota", err, codec.CodeTooMany)
	b.upload("a.txt", "", bytes.Repeat([]byte("a"), 40))
	if _, err := b.Delete(t.Context(), user("ada"), files.DeleteRequest{ID: b.first("ada")}); err != nil {
		t.Fatal(err)
	}
	b.upload("a.txt", "", bytes.Repeat([]byte("a"), 40))

	// Bodies that wait hold their places.
	var wg sync.WaitGroup
	var bodies []*io.PipeWriter
	hold := func(name string) {
		r, w := io.Pipe()
		bodies = append(bodies, w)
		wg.Go(func() {
			_, err := b.Upload(t.Context(), user(name), files.UploadRequest{Size: 10, Body: r})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		_, _ = w.Write([]byte("12345")) // returns once it is read, so the place is taken
	}
	small := func(name string) error {
		_, err := b.Upload(t.Context(), user(name), files.UploadRequest{Size: 10, Body: strings.NewReader("1234567890")})
		return err
	}
	hold("bob")
	hold("bob")
	wantCode(t, "a third of one user", small("bob"), codec.CodeTooMany)
	wantCode(t, "one of another", small("cyd"), 0)
	hold("cyd")
	wantCode(t, "a fourth of all", small("dan"), codec.CodeUnavailable)
	for _, w := range bodies {
		_, _ = w.Write([]byte("67890"))
		w.Close()
	}
	wg.Wait()
	wantCode(t, "when there is room again", small("bob"), 0)
}

func (b *bench) first(owner string) string {
	b.Helper()
	list, err := b.List(b.Context(), user(owner), files.ListRequest{})
	if err != nil || len(list.Files) == 0 {
		b.Fatalf("%s has %v (%v)", owner, list.Files, err)
	}
	return list.Files[len(list.Files)-1].ID
}

func TestManyUploadAtOnce(t *testing.T) {
	b := newBench(t, func(o *files.Options) { o.PerUser = 40 })
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			content := encoded(t, "image/png", painting(10+i, 400, false))
			reply, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Name: "same.png", Size: int64(len(content)), Body: bytes.NewReader(content)})
			if err != nil || reply.Width != 10+i || reply.Thumb == "" {
				t.Errorf("upload %d: %+v %v", i, reply, err)
				return
			}
			if got, _ := b.stored(reply, false); !bytes.Equal(got, content) {
				t.Errorf("upload %d came back as another", i)
			}
		})
	}
	wg.Wait()
	if n := len(b.onDisk()); n != 64 {
		t.Errorf("%d files on disk, want 32 and their thumbnails", n)
	}
}

func TestWithoutASpaceOrADatabaseAnUploadIsTold503(t *testing.T) {
	away := codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
	text := []byte("some text")
	for _, method := range []string{"CreateFile", "FinishFile"} {
		b := newBench(t)
		b.store.fail[method] = away
		_, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: -1, Body: bytes.NewReader(text)})
		wantCode(t, method+" fails", err, codec.CodeUnavailable)
		b.nothingLeft()
	}
	b := newBench(t)
	// The directory can't be written to, whoever runs this: a file is in its place.
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: -1, Body: bytes.NewReader(text)})
	wantCode(t, "no directory", err, codec.CodeUnavailable)
	if strings.Contains(codec.AsError(err).Msg, b.dir) {
		t.Errorf("the public text has a path: %v", err)
	}
	if err := os.Remove(b.dir); err != nil {
		t.Fatal(err)
	}
	reply := b.upload("again.txt", "", text) // no restart needed
	b.stored(reply, false)
}

func TestTheSameLengthIsNotNeeded(t *testing.T) {
	b := newBench(t)
	text := strings.Repeat("x", 5000)
	reply, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: 6000, Body: strings.NewReader(text)})
	if err != nil || reply.Size != 5000 || b.store.used["ada"] != 5000 {
		t.Errorf("a multipart body is longer than its file: %+v, %d used, %v", reply, b.store.used["ada"], err)
	}
	for _, c := range []struct{ max, code int }{{5000, 0}, {4999, 413}} {
		b := newBench(t, func(o *files.Options) { o.MaxSize = int64(c.max) })
		_, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: -1, Body: strings.NewReader(text)})
		wantCode(t, fmt.Sprintf("5000 bytes where %d are allowed", c.max), err, c.code)
	}
}
