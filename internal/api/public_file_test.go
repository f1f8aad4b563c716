package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pushd/internal/account"
)

func TestFilesGoUpAndComeDown(t *testing.T) {
	d := newFileDoor(t)
	d.group(t, "club", "ada", "bob")
	sounds := filepath.Join("..", "files", "testdata")
	clip, err := os.ReadFile(filepath.Join(sounds, "clip.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	voice, err := os.ReadFile(filepath.Join(sounds, "voice.webm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, kind, served string
		content            []byte
		thumb              bool
	}{
		{"naïve cat 猫.png", "image/png", "image/png", picture(t, 200, 300), true},
		{"voice.webm", "audio/webm;codecs=opus", "audio/webm", voice, false},
		{"clip.mp4", "video/mp4", "video/mp4", clip, false},
		{"note.txt", "application/x-www-form-urlencoded", "text/plain; charset=utf-8", []byte("Grüße"), false},
		{"doc.pdf", "", "application/pdf", []byte("%PDF-1.7\nx"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := d.post("ada", c.name, c.kind, c.content)
			wantReply(t, d.send("GET", f.URL, "bob", nil), 403, "no conversation")
			if err := d.service.Attach(t.Context(), account.Identity{User: "ada"}, "g:club", f.URL); err != nil {
				t.Fatal(err)
			}
			for what, resp := range map[string]response{
				"the uploader's token": d.send("GET", f.URL, "ada", nil),
				"a member's token":     d.send("GET", f.URL, "bob", nil),
				"the uploader's link":  d.send("GET", f.Link, "", nil),
			} {
				if resp.StatusCode != 200 || resp.body != string(c.content) || resp.Header.Get("Content-Type") != c.served || resp.ContentLength != int64(len(c.content)) {
					t.Errorf("with %s: %d, %d bytes of %s", what, resp.StatusCode, len(resp.body), resp.Header.Get("Content-Type"))
				}
			}
			wantReply(t, d.send("GET", f.URL, "eve", nil), 403, "no conversation")
			wantReply(t, d.send("GET", f.URL, "", nil), 401, "a token is needed")
			wantReply(t, d.send("GET", f.URL, "bad", nil), 401, "not good")
			wantReply(t, d.send("GET", f.Link+"x", "", nil), 401, "link")
			if c.thumb {
				small := d.send("GET", f.ThumbLink, "", nil)
				if small.StatusCode != 200 || small.Header.Get("Content-Type") != "image/jpeg" || small.Header.Get("ETag") == d.send("GET", f.Link, "", nil).Header.Get("ETag") {
					t.Errorf("thumbnail: %d %v", small.StatusCode, small.Header)
				}
			}
		})
	}
	if strings.Contains(d.log.String(), "&k=") {
		t.Error("a link's signature is in the log")
	}
}

func TestADownloadIsLockedDown(t *testing.T) {
	d := newFileDoor(t)
	f, zip := d.post("ada", `na"ïve.png`, "", picture(t, 10, 10)), d.post("ada", "a.zip", "", []byte("PK\x03\x04\x14\x00 zip"))
	resp := d.send("GET", f.URL, "ada", nil)
	for header, want := range map[string]string{
		"X-Content-Type-Options":  "nosniff",
		"Cache-Control":           "private, max-age=86400, immutable",
		"Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
		"Referrer-Policy":         "no-referrer",
		"Accept-Ranges":           "bytes",
		"Content-Disposition":     `inline; filename="na__ve.png"; filename*=UTF-8''na_%C3%AFve.png`,
		"ETag":                    `"` + f.ID + `"`,
	} {
		if got := resp.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if got := d.send("GET", zip.URL, "ada", nil).Header.Get("Content-Disposition"); got != `attachment; filename="a.zip"` {
		t.Errorf("a zip: %s", got)
	}
	if got := d.send("GET", f.URL+"?download=1", "ada", nil).Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") {
		t.Errorf("as a download: %s", got)
	}
	for _, path := range []string{
		"/files/" + f.ID, "/files/" + f.ID + "/", "/files/" + f.ID + "/other.png", "/files/" + strings.ToLower(f.ID) + "/x",
		"/files/../" + f.ID + "/x", "/files/" + f.ID + "/..%2f..%2fpushd.db", "/files/%2e%2e/x", "/files/x/thumb", "/files/" + zip.ID + "/thumb",
	} {
		if resp := d.send("GET", path, "ada", nil); resp.StatusCode != 404 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	wantReply(t, d.send("GET", f.URL+"?nonsense=1", "ada", nil), 400, "nonsense")
	wantReply(t, d.send("POST", f.URL, "ada", nil), 405, "GET, HEAD")
}

func TestRanges(t *testing.T) {
	d := newFileDoor(t)
	const text = "0123456789abcdefghij"
	f := d.post("ada", "a.txt", "text/plain", []byte(text))
	etag := `"` + f.ID + `"`
	modified := d.send("GET", f.URL, "ada", nil).Header.Get("Last-Modified")
	for _, c := range []struct {
		name, asked   string
		header        []string
		status        int
		body, content string // Content-Range
	}{
		{name: "none", status: 200, body: text},
		{name: "the first byte", asked: "bytes=0-0", status: 206, body: "0", content: "bytes 0-0/20"},
		{name: "the middle", asked: "bytes=10-12", status: 206, body: "abc", content: "bytes 10-12/20"},
		{name: "to the end", asked: "bytes=15-", status: 206, body: "fghij", content: "bytes 15-19/20"},
		{name: "everything", asked: "bytes=0-", status: 206, body: text, content: "bytes 0-19/20"},
		{name: "the last five", asked: "bytes=-5", status: 206, body: "fghij", content: "bytes 15-19/20"},
		{name: "more than there is from the end", asked: "bytes=-500", status: 206, body: text, content: "bytes 0-19/20"},
		{name: "beyond the end", asked: "bytes=18-1000", status: 206, body: "ij", content: "bytes 18-19/20"},
		{name: "far beyond the end", asked: "bytes=18-99999999999999999999999999", status: 206, body: "ij", content: "bytes 18-19/20"},
		{name: "from the end on", asked: "bytes=20-", status: 416, content: "bytes */20"},
		{name: "from far off", asked: "bytes=99999999999999999999999999-", status: 416, content: "bytes */20"},
		{name: "the last none", asked: "bytes=-0", status: 416, content: "bytes */20"},
		{name: "backwards", asked: "bytes=5-2", status: 200, body: text},
		{name: "several", asked: "bytes=0-1,5-6", status: 200, body: text},
		{name: "another unit", asked: "lines=0-1", status: 200, body: text},
		{name: "no numbers", asked: "bytes=a-b", status: 200, body: text},
		{name: "a sign", asked: "bytes=+1-2", status: 200, body: text},
		{name: "no dash", asked: "bytes=5", status: 200, body: text},
		{name: "nothing", asked: "bytes=-", status: 200, body: text},
		{name: "empty", asked: "bytes=", status: 200, body: text},
		{name: "of this version", asked: "bytes=0-0", header: []string{"If-Range", etag}, status: 206, body: "0", content: "bytes 0-0/20"},
		{name: "of this date", asked: "bytes=0-0", header: []string{"If-Range", modified}, status: 206, body: "0", content: "bytes 0-0/20"},
		{name: "of another version", asked: "bytes=0-0", header: []string{"If-Range", `"x"`}, status: 200, body: text},
		{name: "of a weak version", asked: "bytes=0-0", header: []string{"If-Range", "W/" + etag}, status: 200, body: text},
		{name: "of another date", asked: "bytes=0-0", header: []string{"If-Range", "Mon, 02 Jan 2006 15:04:05 GMT"}, status: 200, body: text},
		{name: "known by tag", header: []string{"If-None-Match", etag}, status: 304},
		{name: "known by one of some tags", header: []string{"If-None-Match", `"x", W/` + etag}, status: 304},
		{name: "known by date", header: []string{"If-Modified-Since", modified}, status: 304},
		{name: "known by date, another by tag", header: []string{"If-Modified-Since", modified, "If-None-Match", `"x"`}, status: 200, body: text},
		{name: "known before", header: []string{"If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"}, status: 200, body: text},
		{name: "known, and a range", asked: "bytes=0-0", header: []string{"If-None-Match", etag}, status: 304},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := c.header
			if c.asked != "" {
				header = append([]string{"Range", c.asked}, header...)
			}
			resp := d.send("GET", f.URL, "ada", nil, header...)
			if resp.StatusCode != c.status || resp.Header.Get("Content-Range") != c.content || c.status < 400 && resp.body != c.body {
				t.Errorf("reply %d, Content-Range %q: %s", resp.StatusCode, resp.Header.Get("Content-Range"), resp.body)
			}
			head := d.send("HEAD", f.URL, "ada", nil, c.header...)
			status, length := 200, int64(len(text))
			if c.status == 304 {
				status = 304
			}
			if head.StatusCode != status || head.body != "" || status == 200 && head.ContentLength != length || head.Header.Get("ETag") != etag {
				t.Errorf("HEAD: %d, %d bytes promised, body %q", head.StatusCode, head.ContentLength, head.body)
			}
		})
	}
}

func TestForms(t *testing.T) {
	d := newFileDoor(t)
	d.group(t, "club", "ada", "bob")
	png := picture(t, 30, 20)
	for _, c := range []struct {
		name   string
		query  string
		fields []field
		status int
		says   string
		called string
	}{
		{name: "as curl -F sends it", fields: []field{{"file", "cat.png", "image/png", png}}, status: 200, called: "cat.png"},
		{name: "whatever the field is called", fields: []field{{"upload", "cat.png", "", png}}, status: 200, called: "cat.png"},
		{name: "a blob without a name", fields: []field{{"file", "-", "image/png", png}}, status: 200, called: "file.png"},
		{name: "a path for a name", fields: []field{{"file", "../../etc/cat.png", "", png}}, status: 200, called: "cat.png"},
		{name: "the fields before it", fields: []field{{name: "name", content: []byte("dog.png")}, {name: "conv", content: []byte("g:club")}, {"file", "cat.png", "", png}}, status: 200, called: "dog.png"},
		{name: "the query's name", query: "?name=bird.png", fields: []field{{"file", "cat.png", "", png}}, status: 200, called: "bird.png"},
		{name: "a conversation of others", fields: []field{{name: "conv", content: []byte("g:none")}, {"file", "cat.png", "", png}}, status: 403, says: "g:none"},
		{name: "no file", fields: []field{{name: "name", content: []byte("x")}}, status: 400, says: "no file"},
		{name: "nothing", status: 400, says: "no file"},
		{name: "two files", fields: []field{{"a", "a.png", "", png}, {"b", "b.png", "", png}}, status: 400, says: "a form has one file"},
		{name: "a field behind it", fields: []field{{"file", "cat.png", "", png}, {name: "name", content: []byte("x")}}, status: 400, says: "last field"},
		{name: "a typo", fields: []field{{name: "cnv", content: []byte("x")}, {"file", "cat.png", "", png}}, status: 400, says: `did you mean \"conv\"`},
		{name: "the same twice", query: "?conv=g:club", fields: []field{{name: "conv", content: []byte("g:club")}, {"file", "cat.png", "", png}}, status: 400, says: "conv comes twice"},
		{name: "a huge field", fields: []field{{name: "name", content: bytes.Repeat([]byte("x"), 2000)}, {"file", "cat.png", "", png}}, status: 413, says: "1024 bytes"},
		{name: "an empty file", fields: []field{{"file", "cat.png", "image/png", nil}}, status: 400, says: "empty"},
		{name: "a lie", fields: []field{{"file", "cat.png", "image/png", []byte("<!DOCTYPE html>")}}, status: 415, says: "image/png, but its content is text/html"},
		{name: "a file at the bound", fields: []field{{"file", "a.txt", "", bytes.Repeat([]byte("a"), 100_000)}}, status: 200, called: "a.txt"},
		{name: "a file over the bound", fields: []field{{"file", "a.txt", "", bytes.Repeat([]byte("a"), 100_001)}}, status: 413, says: "100000 bytes"},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", c.name, chunked), func(t *testing.T) {
				content, kind := form(t, c.fields...)
				var body io.Reader = bytes.NewReader(content)
				if chunked {
					body = io.MultiReader(body)
				}
				resp := d.send("POST", "/api/v1/files"+c.query, "ada", body, "Content-Type", kind)
				wantReply(t, resp, c.status, c.says)
				if c.status != 200 || resp.StatusCode != 200 {
					return
				}
				f := uploaded(t, resp)
				if f.Name != c.called {
					t.Errorf("it is called %q, want %q", f.Name, c.called)
				}
				if got := d.send("GET", f.URL, "ada", nil); !strings.Contains(string(content), got.body) || int64(len(got.body)) != f.Size {
					t.Errorf("%d bytes came back", len(got.body))
				}
				wantReply(t, d.send("DELETE", "/api/v1/files/"+f.ID, "ada", nil), 204, "")
			})
		}
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	d := newFileDoor(t)
	text := func(n int) io.Reader { return bytes.NewReader(bytes.Repeat([]byte("a"), n)) }
	chunked := func(n int) io.Reader { return io.MultiReader(text(n)) }
	for _, c := range []struct {
		name, path, user string
		body             io.Reader
		header           []string
		status           int
		says             string
	}{
		{name: "without a token", body: text(10), status: 401, says: "token"},
		{name: "with a bad one", user: "bad", body: text(10), status: 401, says: "not good"},
		{name: "no body", user: "ada", status: 400, says: "empty"},
		{name: "an empty chunked body", user: "ada", body: chunked(0), status: 400, says: "empty"},
		{name: "too long", user: "ada", body: text(100_001), status: 413, says: "100000 bytes"},
		{name: "far too long", user: "ada", body: text(3 << 20), status: 413, says: "100000 bytes"},
		{name: "too long in chunks", user: "ada", body: chunked(100_001), status: 413, says: "100000 bytes"},
		{name: "a parameter that isn't one", path: "?nam=x", user: "ada", body: text(10), status: 400, says: `did you mean \"name\"`},
		{name: "a Content-Type that can't be read", user: "ada", body: text(10), header: []string{"Content-Type", "image/"}, status: 400, says: "Content-Type"},
		{name: "compressed", user: "ada", body: text(10), header: []string{"Content-Encoding", "gzip"}, status: 415, says: "Content-Encoding"},
		{name: "a form without a boundary", user: "ada", body: text(10), header: []string{"Content-Type", "multipart/form-data"}, status: 400, says: "boundary"},
		{name: "a form that is none", user: "ada", body: text(10), header: []string{"Content-Type", "multipart/form-data; boundary=x"}, status: 400, says: "form"},
		{name: "bytes that nobody knows", user: "ada", body: strings.NewReader("\x01\x02\xff\xfe"), status: 415, says: "is not known"},
		{name: "another's conversation", path: "?conv=s:bob:eve", user: "ada", body: text(10), status: 403, says: "s:bob:eve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := d.send("POST", "/api/v1/files"+c.path, c.user, c.body, c.header...)
			wantReply(t, resp, c.status, c.says)
		})
	}
	list := d.send("GET", "/api/v1/files", "ada", nil)
	wantReply(t, list, 200, `"files":[],"used":0`)
}

func TestTheQuotaIsToldWith429(t *testing.T) {
	d := newFileDoor(t)
	for range 10 {
		d.post("ada", "a.txt", "", bytes.Repeat([]byte("a"), 100_000))
	}
	resp := d.send("POST", "/api/v1/files", "ada", strings.NewReader("one more"))
	wantReply(t, resp, 429, "delete others first")
	if resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	d.post("bob", "a.txt", "", []byte("another user"))
}

// TestBodiesThatBreakOff speaks HTTP by hand, as no client would.
func TestBodiesThatBreakOff(t *testing.T) {
	d := newFileDoor(t)
	head := "POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ada\r\n"
	formHead := head + "Content-Type: multipart/form-data; boundary=b\r\n"
	part := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n"
	for name, c := range map[string]struct{ request, says string }{
		"shorter than its length":          {head + "Content-Length: 50000\r\n\r\n" + strings.Repeat("a", 30_000), "400"},
		"short and shorter":                {head + "Content-Length: 100\r\n\r\nabc", ""},
		"a chunk cut short":                {head + "Transfer-Encoding: chunked\r\n\r\nffff\r\n" + strings.Repeat("a", 9000), "400"},
		"no last chunk":                    {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "400"},
		"a chunk that is none":             {head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n", "400"},
		"a form without its end":           {formHead + fmt.Sprintf("Content-Length: %d\r\n\r\n%shello", len(part)+5, part), "400"},
		"a form cut short":                 {formHead + fmt.Sprintf("Content-Length: %d\r\n\r\n%shello", len(part)+9000, part), "400"},
		"a form shorter than it says":      {formHead + "Content-Length: 20000\r\n\r\n" + part + strings.Repeat("a", 10_000), "400"},
		"two lengths":                      {head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", ""},
		"a form without a byte":            {formHead + "Transfer-Encoding: chunked\r\n\r\n", "400"},
		"a negative length":                {head + "Content-Length: -5\r\n\r\nhello", ""},
		"a length that passes every bound": {head + "Content-Length: 9223372036854775807\r\n\r\nhello", ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", d.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if c.says == "" && err != nil {
				return // closed without a word is fine for what is no HTTP
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode < 400 || c.says != "" && !strings.HasPrefix(resp.Status, c.says) {
				t.Errorf("reply %s %s", resp.Status, body)
			}
		})
	}
	wantReply(t, d.send("GET", "/api/v1/files", "ada", nil), 200, `"files":[],"used":0`)
}

func TestManyOverHTTPAtOnce(t *testing.T) {
	d := newFileDoor(t)
	var wg sync.WaitGroup
	for i := range 10 { // the queue of connections has 16 places
		wg.Go(func() {
			user := fmt.Sprintf("u%d", i/3)
			for j := range 5 {
				content := picture(t, 20+10*j+i, 100)
				f := d.post(user, "p.png", "image/png", content)
				if got := d.send("GET", f.Link, "", nil); got.body != string(content) {
					t.Errorf("%s got %d bytes back, want %d", user, len(got.body), len(content))
				}
			}
		})
	}
	wg.Wait()
}

func TestLinksOverHTTP(t *testing.T) {
	d := newFileDoor(t)
	f := d.post("ada", "a.txt", "", []byte("text"))
	wantReply(t, d.send("GET", "/api/v1/files/"+f.ID+"/link", "ada", nil), 200, `"url":"/files/`+f.ID)
	wantReply(t, d.send("GET", "/api/v1/files/"+f.ID+"/link", "eve", nil), 403, "")
	wantReply(t, d.send("GET", "/api/v1/files/"+f.ID, "ada", nil), 200, `"type":"text/plain; charset=utf-8"`)
	links := d.send("POST", "/api/v1/files/links", "ada", strings.NewReader(`{"ids":["`+f.ID+`","x"]}`), "Content-Type", "application/json")
	wantReply(t, links, 200, `{"links":{"`+f.ID+`":{"url":"/files/`)
	wantReply(t, d.send("DELETE", "/api/v1/files/"+f.ID, "eve", nil), 403, "")
	wantReply(t, d.send("DELETE", "/api/v1/files/"+f.ID, "ada", nil), 204, "")
	wantReply(t, d.send("GET", f.Link, "", nil), 404, "no file")
	wantReply(t, d.send("GET", "/api/v1/files?cursor=nonsense", "ada", nil), 400, "cursor")
}
