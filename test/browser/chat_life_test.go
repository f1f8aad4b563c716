package browser

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestChatServerRestart has both ends write while there is no server: what was
// said before, meanwhile and after is there on both, once and in the same order.
func TestChatServerRestart(t *testing.T) {
	data := t.TempDir()
	server := start(t, "--data-dir", data)
	alice, bob := chatAs(t, server.Listen, "alice"), chatAs(t, server.Listen, "bob")
	alice.with("bob")
	alice.say("before")
	bob.choosing("alice")
	bob.say("an answer")
	alice.until(bubble("an answer"))

	server.Stop(t)
	for _, p := range []*tab{alice, bob} {
		p.shows("#status", "Waiting to reconnect")
	}
	for i := range 5 {
		alice.say(fmt.Sprintf("from alice, meanwhile %d", i))
		bob.say(fmt.Sprintf("from bob, meanwhile %d", i))
	}
	alice.until(`document.querySelectorAll(".pending").length === 5`)
	if n := eval[int](alice, `document.querySelectorAll(".message").length`); n != 7 {
		t.Errorf("%d messages are shown", n)
	}

	start(t, "--data-dir", data, "--listen", server.Listen, "--admin-listen", server.Admin)
	for _, p := range []*tab{alice, bob} {
		p.until(`document.querySelectorAll("#messages .message .text").length >= 12 && !document.querySelector(".pending")`)
		p.shows("#status", "Online as")
	}
	alice.say("after")
	bob.until(bubble("after"))
	alice.tick("after", "Read")

	got, other := alice.texts(), bob.texts()
	if !slices.Equal(got, other) {
		t.Errorf("alice sees %q, bob %q", got, other)
	}
	want := []string{"after", "an answer", "before"}
	for i := range 5 {
		want = append(want, fmt.Sprintf("from alice, meanwhile %d", i), fmt.Sprintf("from bob, meanwhile %d", i))
	}
	slices.Sort(want)
	if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, want) {
		t.Errorf("shown: %q, want %q in some order", got, want)
	}
	inOrder := slices.DeleteFunc(slices.Clone(got), func(text string) bool { return text[0] != 'f' || text[5] != 'a' })
	if !slices.IsSorted(inOrder) {
		t.Errorf("what alice wrote came in the order %q", inOrder)
	}

	// Loading the page again is no logout, and shows the same.
	alice.run(chromedp.Reload())
	alice.choosing("bob")
	alice.until(bubble("after"))
	if again := alice.texts(); !slices.Equal(again, got) {
		t.Errorf("after loading again: %q, want %q", again, got)
	}
	alice.clean(server.Listen, lost)
	bob.clean(server.Listen, lost)
}

// TestChatConnectionLost breaks the connection under a message, and lets others
// come meanwhile.
func TestChatConnectionLost(t *testing.T) {
	server := start(t)
	between := startProxy(t, server.Listen)
	bob := chatAs(t, server.Listen, "bob")
	alice := chatAs(t, between.address(), "alice")
	bob.with("alice")
	bob.say("first")
	alice.choosing("bob")
	alice.until(bubble("first"))

	between.frozen.Store(true) // what alice sends, and what is sent to alice, is lost
	alice.say("into the void")
	for i := range 60 {
		bob.say(fmt.Sprintf("unheard %d", i))
	}
	bob.until(`!document.querySelector(".pending")`)
	between.frozen.Store(false)
	between.cut()
	alice.until(bubble("unheard 59") + ` && !document.querySelector(".pending")`)
	bob.until(bubble("into the void"))
	alice.until(bubble("into the void"))
	got := alice.texts()
	if len(got) != 62 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 62 {
		t.Errorf("%d messages are shown: %q", len(got), got)
	}
	if other := bob.texts(); !slices.Equal(got, other) {
		t.Errorf("alice sees %q, bob %q", got, other)
	}
	alice.clean(between.address(), lost)
	bob.clean(server.Listen)
}

// TestChatHistory pages back through more than a screen, with nothing twice and
// without a jump.
func TestChatHistory(t *testing.T) {
	server := start(t)
	alice := chatAs(t, server.Listen, "alice")
	alice.with("bob")
	for i := range 170 {
		alice.say(fmt.Sprintf("line %03d", i))
	}
	alice.until(`!document.querySelector(".pending") && document.querySelectorAll("#messages .message").length === 170`)

	bob := chatAs(t, server.Listen, "bob")
	bob.listed("alice", "line 169", "99+")
	bob.choosing("alice")
	bob.until(bubble("line 169"))
	if n := len(bob.texts()); n >= 170 {
		t.Errorf("%d messages were loaded at once", n)
	}
	for len(bob.texts()) < 170 {
		before := len(bob.texts())
		bob.do(`document.querySelector("#messages").scrollTop = 0`)
		bob.until(fmt.Sprintf(`document.querySelectorAll("#messages .message").length > %d`, before))
		if eval[bool](bob, `document.querySelector("#messages").scrollTop === 0`) {
			t.Errorf("with %d messages, the view jumped to what was added above", before)
		}
	}
	got := bob.texts()
	if len(got) != 170 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != 170 {
		t.Errorf("%d messages: %q", len(got), got)
	}
	bob.fill("#find", "002")
	bob.until(`document.querySelector("#found .conversation")`)
	bob.click("#found .conversation")
	bob.until(`document.activeElement.textContent.includes("line 002")`)
	alice.clean(server.Listen)
	bob.clean(server.Listen)
}

// TestChatKeyboard does everything without a mouse.
func TestChatKeyboard(t *testing.T) {
	server := start(t)
	page := open(t, launch(t), "http://"+server.Listen+"/")
	keys := func(keys ...string) {
		t.Helper()
		for _, key := range keys {
			page.run(chromedp.KeyEvent(key))
		}
	}
	page.fill("#name", "alice")
	keys("\r")
	page.until(`document.querySelector("#messenger").checkVisibility() && !document.querySelector("#conversations-empty").hidden`)
	page.do(`document.querySelector("#new").focus()`)
	keys("\r")
	page.until(`document.activeElement.id === "start-user"`)
	keys("bob", "\r")
	page.until(`document.activeElement.id === "compose"`)
	keys("one", "\r")
	page.until(bubble("one") + `?.querySelector(".tick")`)
	keys("two", "\r")
	page.until(bubble("two") + `?.querySelector(".tick")`)
	page.do(`document.querySelector('#messages .message[tabindex="0"]').focus()`)
	keys(kb.ArrowUp, kb.ArrowDown, kb.ArrowUp)
	page.until(`document.activeElement === ` + bubble("one"))
	// Not by keys, as the browser's protocol sends Enter's character after it in any
	// case, also when the page took the key and moved the focus.
	page.do(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }))`)
	page.until(`document.activeElement.closest("#menu")`)
	keys(kb.Escape)
	page.until(`!document.querySelector(":popover-open")`)
	page.do(`document.querySelector("#compose").focus()`)
	keys(kb.ArrowUp) // edits the last message
	page.until(`document.querySelector("#compose").value === "two" && !document.querySelector("#editing").hidden`)
	keys(kb.Escape)
	page.until(`document.querySelector("#compose").value.trim() === "" && document.querySelector("#editing").hidden`)
	page.clean(server.Listen)
}

// TestChatLooks is TestLooks for the messenger.
func TestChatLooks(t *testing.T) {
	server := start(t)
	dir := os.Getenv("PUSHD_SCREENSHOT")
	if dir == "" {
		dir = t.TempDir()
	}
	signin := open(t, launch(t), "http://"+server.Listen+"/")
	signin.pictures(dir, "signin")

	alice, bob := chatAs(t, server.Listen, "alice"), chatAs(t, server.Listen, "bob")
	alice.with("bob")
	alice.say("Have you seen it? https://example.com/a-long-address/without-any-place-to-break/0123456789012345678901234567890123456789")
	bob.choosing("alice")
	bob.say("Yes, and I like it: it shows what was delivered and what was read, who is typing and who is online, and it comes back by itself.")
	bob.say("Pneumonoultramicroscopicsilicovolcanoconiosis" + "Pneumonoultramicroscopicsilicovolcanoconiosis")
	alice.until(bubble("Pneumono"))
	alice.act("Yes, and I like it", "React with ❤️")
	bob.until(`document.querySelector(".reactions")`)
	alice.click("#new")
	alice.click(`[data-start="group"]`)
	alice.fill("#start-name", "Lake trip")
	alice.fill("#start-members", "bob")
	alice.picture(dir, "chat-dialog", 1440, 900)
	alice.click("#start-group [type=submit]")
	alice.shows("#talk-title", "Lake trip")
	bob.choosing("Lake trip")
	bob.say("Who brings the boat, @alice?")
	alice.until(bubble("Who brings"))
	alice.named(15)
	alice.pictures(dir, "chat-group")
	alice.click("#details-open")
	alice.shows("#members", "bob")
	alice.named(20)
	alice.pictures(dir, "chat-details")
	alice.click("#details-close")
	alice.choosing("bob")
	alice.pictures(dir, "chat")
	alice.run(chromedp.EmulateViewport(390, 800))
	alice.click("#back")
	alice.until(`document.querySelector("#conversations").checkVisibility() && !document.querySelector("#talk").checkVisibility()`)
	alice.picture(dir, "chat-phone-list", 390, 800)
	server.Stop(t)
	bob.shows("#status", "Waiting to reconnect")
	bob.say("It is not there, and I write all the same")
	bob.pictures(dir, "chat-away")
	alice.clean(server.Listen, lost)
	bob.clean(server.Listen, lost)
}
