package files_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/files"
)

var (
	backend = account.Identity{Key: "shop", Scopes: account.ScopePush}
	admin   = account.Identity{Key: "ops", Scopes: account.ScopeAdmin}
)

func TestWhoMayDoWhatWithAFile(t *testing.T) {
	b := newBench(t)
	b.store.members = map[string][]string{"g:1": {"ada", "bob"}, "s:ada:cyd": {"ada", "cyd"}}
	sent := b.upload("sent.txt", "", []byte("sent"))
	kept := b.upload("kept.txt", "", []byte("kept"))
	if err := b.Attach(t.Context(), user("ada"), "g:1", sent.URL); err != nil {
		t.Fatal(err)
	}
	open := func(f files.UploadReply) func(account.Identity) error {
		return func(id account.Identity) error {
			_, err := b.Open(t.Context(), id, files.OpenRequest{ID: f.ID, Name: f.Name})
			return err
		}
	}
	link := func(f files.UploadReply) func(account.Identity) error {
		return func(id account.Identity) error {
			_, err := b.Link(t.Context(), id, files.LinkRequest{ID: f.ID})
			return err
		}
	}
	attach := func(f files.UploadReply, conv string) func(account.Identity) error {
		return func(id account.Identity) error { return b.Attach(t.Context(), id, conv, f.URL) }
	}
	whole := func(id account.Identity) error {
		_, err := b.AdminInfo(t.Context(), id, files.InfoRequest{ID: sent.ID})
		return err
	}
	into := func(conv string) func(account.Identity) error {
		return func(id account.Identity) error {
			_, err := b.Upload(t.Context(), id, files.UploadRequest{Conv: conv, Size: -1, Body: strings.NewReader("text")})
			return err
		}
	}
	remove := func(id account.Identity) error {
		_, err := b.Delete(t.Context(), id, files.DeleteRequest{ID: sent.ID})
		return err
	}
	erase := func(id account.Identity) error {
		_, err := b.AdminDelete(t.Context(), id, files.DeleteRequest{ID: sent.ID})
		return err
	}
	who := []account.Identity{user("ada"), user("bob"), user("cyd"), {}, backend, admin}
	for _, c := range []struct {
		what string
		do   func(account.Identity) error
		want [6]int // ada, bob, cyd, nobody, backend, admin
	}{
		{"open what was sent to a group", open(sent), [6]int{0, 0, 403, 403, 403, 403}},
		{"open what was sent to nobody", open(kept), [6]int{0, 403, 403, 403, 403, 403}},
		{"link to what was sent", link(sent), [6]int{0, 0, 403, 403, 403, 403}},
		{"link to what was kept", link(kept), [6]int{0, 403, 403, 403, 403, 403}},
		{"send on what was sent", attach(sent, "g:2"), [6]int{0, 0, 403, 403, 0, 0}},
		{"upload", into(""), [6]int{0, 0, 0, 403, 403, 403}},
		{"upload into a group", into("g:1"), [6]int{0, 0, 403, 403, 403, 403}},
		{"upload into a single chat", into("s:ada:cyd"), [6]int{0, 403, 0, 403, 403, 403}},
		{"upload into a single chat without a message yet", into("s:ada:bob"), [6]int{0, 0, 403, 403, 403, 403}},
		{"upload into everyone's", into("b:all"), [6]int{403, 403, 403, 403, 403, 403}},
		{"upload into somebody's notices", into("n:ada"), [6]int{403, 403, 403, 403, 403, 403}},
		{"upload into nonsense", into("x"), [6]int{403, 403, 403, 403, 403, 403}},
		{"see all about a file", whole, [6]int{403, 403, 403, 403, 403, 0}},
		{"delete another's", remove, [6]int{-1, 403, 403, 403, 403, 403}},
		{"delete any", erase, [6]int{403, 403, 403, 403, 403, -1}},
	} {
		for i, id := range who {
			if c.want[i] >= 0 {
				wantCode(t, c.what+" as "+id.User+id.Key, c.do(id), c.want[i])
			}
		}
	}
	wantCode(t, "send on what was kept, as another", attach(kept, "g:1")(user("bob")), 403)
	wantCode(t, "delete one's own", remove(user("ada")), 0)
	wantCode(t, "open what was deleted", open(sent)(user("bob")), 404)
	wantCode(t, "send what was deleted", attach(sent, "g:1")(user("ada")), 404)
	wantCode(t, "delete again", remove(user("ada")), 404)
	_, err := b.AdminDelete(t.Context(), admin, files.DeleteRequest{ID: kept.ID})
	wantCode(t, "an admin deletes", err, 0)
	if paths := b.onDisk(); slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(p, sent.ID) || strings.Contains(p, kept.ID) }) {
		t.Errorf("deleted files are on disk: %v", paths)
	}
}

func TestMembersComeAndGo(t *testing.T) {
	b := newBench(t)
	b.store.members = map[string][]string{"g:1": {"ada", "bob"}}
	f := b.upload("a.txt", "", []byte("text"))
	if err := b.Attach(t.Context(), user("ada"), "g:1", f.URL); err != nil {
		t.Fatal(err)
	}
	link, err := b.Link(t.Context(), user("bob"), files.LinkRequest{ID: f.ID})
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		_, sig := taken(t, link.URL)
		id, err := b.Redeem(f.ID, sig)
		if err != nil {
			return err
		}
		_, err = b.Open(t.Context(), id, files.OpenRequest{ID: f.ID, Name: f.Name})
		return err
	}
	wantCode(t, "a member's link", read(), 0)
	b.store.members["g:1"] = []string{"ada"}
	wantCode(t, "the link of who left", read(), 403)
	b.store.links[f.ID]["n:bob%3Ax"] = true
	_, err = b.Open(t.Context(), user("bob:x"), files.OpenRequest{ID: f.ID, Name: f.Name})
	wantCode(t, "a notice to a user whose name is escaped", err, 0)
}

func TestAttachTakesOnlyURLsOfFiles(t *testing.T) {
	b := newBench(t)
	f := b.upload("naïve 100%.png", "", encoded(t, "image/png", painting(9, 9, false)))
	text := b.upload("a.txt", "", []byte("text"))
	for name, c := range map[string]struct {
		url  string
		code int
	}{
		"as replied":              {f.URL, 0},
		"its thumbnail":           {f.Thumb, 0},
		"none":                    {"", 0},
		"another site's":          {"https://example.com/files/" + f.ID + "/x.png", 0},
		"another name":            {"/files/" + f.ID + "/other.png", 404},
		"no thumbnail":            {"/files/" + text.ID + "/thumb", 404},
		"an unknown id":           {"/files/01JAAAAAAAAAAAAAAAAAAAAAAA/x.png", 404},
		"with a query":            {f.URL + "?x=1", 404},
		"no id":                   {"/files/x", 400},
		"no name":                 {"/files/" + f.ID + "/", 400},
		"a lower case id":         {"/files/" + strings.ToLower(f.ID) + "/x.png", 400},
		"a climb":                 {"/files/../api/v1/me", 400},
		"a broken escape":         {"/files/" + f.ID + "/%zz", 400},
		"a folder more":           {f.URL + "/x", 404},
		"an id with a line break": {"/files/" + f.ID[:25] + "%0A/x.png", 400},
	} {
		wantCode(t, name, b.Attach(t.Context(), user("ada"), "g:1", c.url), c.code)
	}
	if err := b.Attach(t.Context(), user("ada"), "g:2", text.URL, f.Thumb, "https://example.com/"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{f.ID, text.ID} {
		info, err := b.AdminInfo(t.Context(), admin, files.InfoRequest{ID: id})
		if err != nil || !info.Attached || info.Owner != "ada" || !slices.Contains(info.Conversations, "g:2") {
			t.Errorf("info %+v (%v)", info, err)
		}
	}
}

// taken takes a link apart.
func taken(t *testing.T, link string) (path string, sig files.Signature) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	return u.EscapedPath(), files.Signature{User: q.Get("u"), Expires: q.Get("e"), MAC: q.Get("k")}
}

func TestLinksAreGoodForOneUserOneFileAndAWhile(t *testing.T) {
	b := newBench(t, func(o *files.Options) { o.LinkTime = time.Hour })
	f, other := b.upload("a.txt", "", []byte("text")), b.upload("b.txt", "", []byte("text"))
	_, sig := taken(t, f.Link)
	if id, err := b.Redeem(f.ID, sig); err != nil || id.User != "ada" || id.Session != "" || id.Scopes != 0 {
		t.Fatalf("redeemed for %+v (%v)", id, err)
	}
	for name, forged := range map[string]files.Signature{
		"another user":         {"bob", sig.Expires, sig.MAC},
		"a later end":          {sig.User, sig.Expires + "0", sig.MAC},
		"no signature":         {sig.User, sig.Expires, ""},
		"a shorter signature":  {sig.User, sig.Expires, sig.MAC[:20]},
		"nothing":              {},
		"a moved border":       {sig.Expires + "\n" + sig.User, "", sig.MAC},
		"the end in the user":  {"", sig.Expires + "\n" + sig.User, sig.MAC},
		"an unsigned negative": {sig.User, "-1", sig.MAC},
	} {
		_, err := b.Redeem(f.ID, forged)
		wantCode(t, name, err, codec.CodeUnauthorized)
	}
	_, err := b.Redeem(other.ID, sig)
	wantCode(t, "another file", err, codec.CodeUnauthorized)

	again, err := b.Link(t.Context(), user("ada"), files.LinkRequest{ID: f.ID})
	if err != nil || again.URL != f.Link {
		t.Errorf("a second link differs: %s, %s (%v)", again.URL, f.Link, err)
	}
	if good := time.UnixMilli(again.Expires).Sub(b.now); good <= time.Hour || good > 2*time.Hour {
		t.Errorf("a link is good for %s", good)
	}
	b.now = time.UnixMilli(again.Expires).Add(-time.Second)
	_, err = b.Redeem(f.ID, sig)
	wantCode(t, "just before its end", err, 0)
	b.now = time.UnixMilli(again.Expires)
	_, err = b.Redeem(f.ID, sig)
	wantCode(t, "at its end", err, codec.CodeUnauthorized)
}

func TestLinksForAPageOfMessages(t *testing.T) {
	b := newBench(t)
	f, hidden := b.upload("a.png", "", encoded(t, "image/png", painting(9, 9, false))), b.upload("b.txt", "", []byte("text"))
	b.store.members["g:1"] = []string{"bob"}
	if err := b.Attach(t.Context(), user("ada"), "g:1", f.URL); err != nil {
		t.Fatal(err)
	}
	reply, err := b.Links(t.Context(), user("bob"), files.LinksRequest{IDs: []string{f.ID, hidden.ID, "nonsense", f.ID}})
	if err != nil || len(reply.Links) != 1 || reply.Links[f.ID].Thumb == "" || reply.Expires != reply.Links[f.ID].Expires {
		t.Errorf("reply %+v (%v)", reply, err)
	}
	for _, n := range []int{0, files.MaxLinks + 1} {
		_, err := b.Links(t.Context(), user("bob"), files.LinksRequest{IDs: make([]string, n)})
		wantCode(t, "too few or too many", err, codec.CodeMalformed)
	}
	b.store.fail["File"] = codec.Errorf(codec.CodeUnavailable, "away")
	_, err = b.Links(t.Context(), user("bob"), files.LinksRequest{IDs: []string{f.ID}})
	wantCode(t, "without a database", err, codec.CodeUnavailable)
}

func TestListsOfOnesOwn(t *testing.T) {
	b := newBench(t)
	empty, err := b.List(t.Context(), user("ada"), files.ListRequest{})
	if err != nil || empty.Files == nil || empty.NextCursor != "" {
		t.Errorf("an empty list: %+v (%v)", empty, err)
	}
	for range 3 {
		b.upload("a.txt", "", []byte("text"))
	}
	page, err := b.List(t.Context(), user("ada"), files.ListRequest{Limit: 2})
	if err != nil || len(page.Files) != 2 || page.NextCursor == "" || page.Used != 12 || page.Quota != 1<<30 || page.MaxSize != 32<<20 {
		t.Errorf("page %+v (%v)", page, err)
	}
	page, err = b.List(t.Context(), user("ada"), files.ListRequest{Limit: -5, Cursor: page.NextCursor})
	if err != nil || len(page.Files) != 1 || page.NextCursor != "" {
		t.Errorf("page %+v (%v)", page, err)
	}
	_, err = b.List(t.Context(), backend, files.ListRequest{})
	wantCode(t, "a backend's own", err, codec.CodeForbidden)
}

func TestOpenNamesExactlyOneFile(t *testing.T) {
	b := newBench(t)
	f := b.upload("a.txt", "", []byte("text"))
	for _, r := range []files.OpenRequest{
		{ID: f.ID, Name: "b.txt"},
		{ID: f.ID},
		{ID: f.ID, Thumb: true},
		{ID: strings.ToLower(f.ID), Name: "a.txt"},
		{ID: "../" + f.ID, Name: "a.txt"},
		{ID: "", Name: "a.txt"},
		{ID: f.ID[:25], Name: "a.txt"},
	} {
		_, err := b.Open(t.Context(), user("ada"), r)
		wantCode(t, r.ID+"/"+r.Name, err, codec.CodeNotFound)
	}
	c, err := b.Open(t.Context(), user("ada"), files.OpenRequest{ID: f.ID, Name: "a.txt"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Read(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	part := make([]byte, 10)
	if n, _ := r.Read(part); string(part[:n]) != "ex" {
		t.Errorf("read %q from 1 on", part[:n])
	}
	if err := b.bytesGone(); err != nil {
		t.Fatal(err)
	}
	_, err = c.Read(context.Background(), 0, -1)
	wantCode(t, "bytes that somebody deleted by hand", err, codec.CodeNotFound)
}
