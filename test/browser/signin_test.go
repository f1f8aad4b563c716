package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"pushd/test/internal/serverproc"
)

// TestChatAccount makes an account on the page, and comes back with its password.
func TestChatAccount(t *testing.T) {
	server := start(t, "--auth.mode", "token", "--accounts.register")
	page := open(t, launch(t), "http://"+server.Listen+"/")
	page.fill("#name", "alice")
	page.click("#enter")
	page.shows("#signin-error", "This server wants a password or a token")

	page.fill("#password", "correct horse battery")
	page.click("#register")
	page.until(`document.querySelector("#messenger").checkVisibility()`)
	page.shows("#status", "Online as alice")
	if stored := eval[string](page, "JSON.stringify(localStorage) + document.body.textContent"); strings.Contains(stored, "eyJ") || strings.Contains(stored, "horse") {
		t.Errorf("a token or the password is kept or shown: %s", stored)
	}

	page.run(chromedp.Reload())
	page.shows("#status", "Online as alice")
	page.until(`document.querySelector("#messenger").checkVisibility()`)

	page.click("#signout")
	page.until(`document.querySelector("#signin").checkVisibility()`)
	page.run(chromedp.Reload())
	page.until(`document.querySelector("#signin").checkVisibility()`)
	page.shows("#status", "Not connected")
	page.fill("#name", "alice")
	page.fill("#password", "wrong horse battery")
	page.click("#enter")
	page.shows("#signin-error", "401")
	page.fill("#password", "correct horse battery")
	page.click("#enter")
	page.shows("#status", "Online as alice")

	// What goes over HTTP carries the token, too.
	page.with("bob")
	page.do(`{
		const data = new DataTransfer();
		data.items.add(new File(["hello"], "hello.txt", { type: "text/plain" }));
		document.querySelector("#files").files = data.files;
		document.querySelector("#files").dispatchEvent(new Event("change"));
	}`)
	page.until(bubble("hello.txt") + `?.querySelector(".tick")`)
	page.clean(server.Listen, "401")
}

// TestChatToken signs in with a token from elsewhere.
func TestChatToken(t *testing.T) {
	const key = "a-secret-of-the-tests-and-of-nothing-else"
	server := start(t, "--auth.mode", "token", "--auth.jwt.key", key)
	token, err := serverproc.Command(t, "token", "--user", "alice", "--auth.jwt.key", key).Output()
	if err != nil {
		t.Fatal(err)
	}
	page := open(t, launch(t), "http://"+server.Listen+"/")
	page.fill("#name", "alice")
	page.click("#signin summary")
	page.fill("#paste", "not.a.token")
	page.click("#enter")
	page.shows("#signin-error", "token refused")
	page.fill("#paste", strings.TrimSpace(string(token)))
	page.click("#enter")
	page.shows("#status", "Online as alice")
	page.with("bob")
	page.say("with a token")
	page.tick("with a token", "Sent")
	page.clean(server.Listen)
}

// TestChatWithoutStore has a server that keeps nothing: the messenger says so.
func TestChatWithoutStore(t *testing.T) {
	server := start(t, "--store", "none")
	page := chatAs(t, server.Listen, "alice")
	page.shows("#unavailable", "keeps no conversations")
	page.click("#part-developer")
	page.frame("chat.Conversations", "404")
	page.clean(server.Listen)
}
