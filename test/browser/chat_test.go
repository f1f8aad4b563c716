package browser

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// chatAs opens the messenger and signs in, in a browser of its own: two tabs of
// one browser are never both in front, and what isn't seen isn't read.
func chatAs(t *testing.T, address, user string) *tab {
	t.Helper()
	p := open(t, launch(t), "http://"+address+"/")
	p.fill("#name", user)
	p.click("#enter")
	p.until(`document.querySelector("#messenger").checkVisibility()`)
	p.shows("#status", "Online as "+user)
	return p
}

// with begins a conversation, which needs no message yet.
func (p *tab) with(user string) {
	p.t.Helper()
	p.click("#new")
	p.fill("#start-user", user)
	p.click("#start-chat [type=submit]")
	p.shows("#talk-title", user)
}

// choosing opens a conversation of the list.
func (p *tab) choosing(title string) {
	p.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll("#conversations .conversation")].find((row) => row.querySelector("strong").textContent === %q)`, title)
	p.until(find)
	p.do(find + ".click()")
	p.shows("#talk-title", title)
}

// listed waits until a row of the list of conversations contains all of these.
func (p *tab) listed(texts ...string) {
	p.t.Helper()
	list, err := json.Marshal(texts)
	if err != nil {
		p.t.Fatal(err)
	}
	p.until(fmt.Sprintf(`[...document.querySelectorAll("#conversations .conversation")].some((row) => %s.every((text) => row.textContent.includes(text)))`, list))
}

func (p *tab) say(text string) {
	p.t.Helper()
	p.fill("#compose", text)
	p.do(`document.querySelector("#composer").requestSubmit()`)
}

// bubble is an expression for the message with this text.
func bubble(text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#messages .message")].find((one) => one.querySelector(".bubble").textContent.includes(%q))`, text)
}

// act picks an item of a message's menu.
func (p *tab) act(text, label string) {
	p.t.Helper()
	p.until(bubble(text))
	p.do(bubble(text) + `.querySelector(".more").click()`)
	item := fmt.Sprintf(`[...document.querySelectorAll("#menu [role=menuitem]")].find((one) => one.textContent === %q || one.ariaLabel === %q)`, label, label)
	p.until(item)
	p.do(item + ".click()")
}

// tick waits until a message of one's own shows this receipt.
func (p *tab) tick(text, label string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`%s?.querySelector(".tick")?.ariaLabel === %q`, bubble(text), label))
}

// texts are the texts of all messages that are shown, in their order.
func (p *tab) texts() []string {
	p.t.Helper()
	return eval[[]string](p, `[...document.querySelectorAll("#messages .message .text")].map((one) => one.textContent)`)
}

func TestChat(t *testing.T) {
	server := start(t)
	alice, bob := chatAs(t, server.Listen, "alice"), chatAs(t, server.Listen, "bob")

	alice.shows("#conversations-empty", "No conversations yet")
	alice.with("bob")
	alice.say("Hello, bob")
	alice.tick("Hello, bob", "Delivered")
	bob.listed("alice", "Hello, bob", "1")
	bob.until(`document.title.startsWith("(1)")`)
	bob.choosing("alice")
	alice.tick("Hello, bob", "Read")
	bob.until(`!document.querySelector(".conversation .badge-count") && document.title.startsWith("bob")`)

	bob.fill("#compose", "I am writ")
	alice.shows("#talk-state", "typing…")
	bob.say("Hello, alice")
	alice.until(bubble("Hello, alice"))
	bob.tick("Hello, alice", "Read")

	alice.act("Hello, alice", "React with ❤️")
	bob.until(bubble("Hello, alice") + `?.querySelector(".reactions [aria-pressed=false]")?.textContent === "❤️1"`)
	bob.do(bubble("Hello, alice") + `.querySelector(".reactions button").click()`)
	alice.until(bubble("Hello, alice") + `?.querySelector(".reactions [aria-pressed=true]")?.textContent === "❤️2"`)

	alice.say("A mistke")
	bob.until(bubble("A mistke"))
	alice.act("A mistke", "Edit")
	alice.say("A mistake")
	bob.until(bubble("A mistake") + `?.textContent.includes("edited")`)
	alice.act("A mistake", "Former versions")
	alice.shows("#info-body", "A mistke")
	alice.click("#info .close")

	alice.say("To be forgotten")
	bob.until(bubble("To be forgotten"))
	alice.act("To be forgotten", "Recall for everybody")
	bob.until(bubble("Message recalled"))
	alice.until(bubble("You recalled this message"))

	bob.act("A mistake", "Delete for me")
	bob.until(bubble("Message deleted") + ` && !(` + bubble("A mistake") + `)`)
	alice.until(bubble("A mistake")) // it is still there on that side

	bob.fill("#find", "hello")
	bob.until(`document.querySelectorAll("#found .conversation").length === 2`)
	bob.fill("#find", "")

	// What is markup stays text, and only http and https become links.
	alice.say(`<img src=x onerror="document.title='bad'"> javascript:alert(1) https://example.com/a?b=1.`)
	bob.until(bubble("<img src=x"))
	if got := eval[[]string](bob, `[...`+bubble("<img src=x")+`.querySelectorAll("a, img")].map((one) => one.tagName + " " + one.getAttribute("href"))`); len(got) != 1 || got[0] != "A https://example.com/a?b=1" {
		t.Errorf("links of a message: %q", got)
	}
	alice.clean(server.Listen)
	bob.clean(server.Listen)
}

func TestChatFiles(t *testing.T) {
	server := start(t)
	alice, bob := chatAs(t, server.Listen, "alice"), chatAs(t, server.Listen, "bob")
	alice.with("bob")
	alice.say("Look")
	bob.choosing("alice")

	// A picture that the page paints itself.
	alice.do(`{
		const canvas = new OffscreenCanvas(800, 600);
		const context = canvas.getContext("2d");
		context.fillStyle = "#27c";
		context.fillRect(0, 0, 800, 600);
		const data = new DataTransfer();
		data.items.add(new File([await canvas.convertToBlob()], "lake.png", { type: "image/png" }));
		document.querySelector("#files").files = data.files;
		document.querySelector("#files").dispatchEvent(new Event("change"));
	}`)
	for _, p := range []*tab{alice, bob} {
		p.until(`document.querySelector("#messages .picture img")?.naturalWidth > 0 && !document.querySelector(".pending")`)
	}
	if thumb := eval[string](bob, `document.querySelector("#messages .picture img").src`); !eval[bool](bob, fmt.Sprintf("new URL(%q).pathname.endsWith('/thumb')", thumb)) {
		t.Errorf("the list shows %s, not the small picture", thumb)
	}
	bob.do(`document.querySelector("#messages .picture").click()`)
	bob.until(`document.querySelector("#info img")?.naturalWidth === 800`)
	bob.click("#info .close")

	media := filepath.Join("..", "..", "internal", "files", "testdata")
	for _, name := range []string{"tone.mp3", "clip.webm"} {
		path, err := filepath.Abs(filepath.Join(media, name))
		if err != nil {
			t.Fatal(err)
		}
		alice.run(chromedp.SetUploadFiles(chromedp.CSS("#files"), []string{path}))
	}
	for _, player := range []string{"audio", "video"} {
		bob.until(fmt.Sprintf(`document.querySelector("#messages %s")?.readyState > 0`, player))
	}
	alice.do(`{
		const data = new DataTransfer();
		data.items.add(new File(["a,b\n1,2\n"], "numbers.txt", { type: "text/plain" }));
		document.querySelector("#files").files = data.files;
		document.querySelector("#files").dispatchEvent(new Event("change"));
	}`)
	bob.until(bubble("numbers.txt"))
	alice.until(`!document.querySelector(".pending")`)
	alice.clean(server.Listen)
	bob.clean(server.Listen)
}

func TestChatGroup(t *testing.T) {
	server := start(t)
	alice, bob, carol := chatAs(t, server.Listen, "alice"), chatAs(t, server.Listen, "bob"), chatAs(t, server.Listen, "carol")

	alice.click("#new")
	alice.click(`[data-start="group"]`)
	alice.fill("#start-name", "Lake trip")
	alice.fill("#start-members", "bob")
	alice.click("#start-group [type=submit]")
	alice.shows("#talk-title", "Lake trip")
	alice.shows("#talk-state", "2 members")

	alice.say("Who comes along? @bob")
	bob.listed("Lake trip", "alice: Who comes along? @bob", "@")
	bob.choosing("Lake trip")
	alice.until(bubble("Who comes along") + `?.querySelector(".readers")?.textContent === "Read by 1"`)
	alice.do(bubble("Who comes along") + `.querySelector(".readers").click()`)
	alice.shows("#info-body", "bob")
	alice.click("#info .close")

	// The third comes by the group's id, and sees what is said from then on.
	alice.click("#details-open")
	alice.shows("#members", "bob")
	id := alice.text("#details-body .id code")
	carol.click("#new")
	carol.click(`[data-start="join"]`)
	carol.fill("#start-id", id)
	carol.click("#start-join [type=submit]")
	carol.shows("#talk-title", "Lake trip")
	alice.shows("#messages", "carol joined")
	alice.shows("#members", "carol")
	carol.say("I bring the boat")
	for _, p := range []*tab{alice, bob} {
		p.until(bubble("I bring the boat"))
	}
	if got := carol.texts(); len(got) != 1 {
		t.Errorf("carol sees %q", got)
	}

	carol.click("#details-open")
	carol.click("#leave")
	carol.click("#info .primary")
	carol.until(`!document.querySelector("#conversations .conversation") && document.querySelector("#talk").hidden`)
	alice.shows("#messages", "carol left")

	alice.click("#dismiss")
	alice.click("#info .primary")
	bob.until(`!document.querySelector("#conversations .conversation")`)
	for _, p := range []*tab{alice, bob, carol} {
		p.clean(server.Listen)
	}
}

func TestChatFriends(t *testing.T) {
	server := start(t)
	alice, bob := chatAs(t, server.Listen, "alice"), chatAs(t, server.Listen, "bob")
	alice.click(`[data-side="people"]`)
	alice.fill("#befriend-user", "bob")
	alice.click("#befriend button")
	alice.shows("#friends", "was asked")
	bob.shows("#asking", "1")
	bob.click(`[data-side="people"]`)
	bob.click(`#friends [aria-label="Accept alice"]`)
	for _, p := range []*tab{alice, bob} {
		p.shows("#friends", "online")
	}
	alice.click(`#friends [data-user="bob"] .conversation`)
	alice.say("Now that we are friends")
	bob.click(`[data-side="chats"]`)
	bob.listed("alice", "Now that we are friends")

	alice.click("#signout")
	alice.until(`document.querySelector("#signin").checkVisibility()`)
	bob.choosing("alice")
	bob.shows("#talk-state", "Offline")
	alice.clean(server.Listen)
	bob.clean(server.Listen)
}
