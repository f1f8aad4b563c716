package browser

import (
	"encoding/json"
	"strings"
	"testing"

	"pushd/internal/testwait"
)

// lost is in what a browser says about a connection that breaks or can't be
// made; no page can keep it from saying so.
const lost = "WebSocket connection to"

func TestKick(t *testing.T) {
	server := start(t)
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	page.login("alice")
	admin(t, server, "/api/kick", `{"user":"alice","reason":"that was the tour"}`)
	page.shows("#banner-code", "4004")
	page.shows("#banner-title", "Kicked")
	page.shows("#banner-text", "that was the tour")
	page.shows("#banner-text", "stays away")
	page.shows("#status", "Disconnected") // not waiting: nothing is going to happen by itself
	page.frame("closed 4004", "that was the tour")

	page.click("#banner-now")
	page.shows("#status", "Online as alice")
	page.clean(server.Listen)
}

func TestReplaced(t *testing.T) {
	server := start(t)
	chromium := launch(t)
	first := open(t, chromium, "http://"+server.Listen+"/#developer")
	first.login("alice")
	second := open(t, chromium, "http://"+server.Listen+"/#developer")
	second.login("alice")
	first.shows("#banner-code", "4003")
	first.shows("#status", "Disconnected")
	second.shows("#status", "Online as alice")
	first.clean(server.Listen)
	second.clean(server.Listen)
}

func TestNoLogin(t *testing.T) {
	server := start(t, "--login-timeout", "200ms")
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	page.click("#login summary")
	page.click("#connect-only")
	page.shows("#banner-code", "4005")
	page.shows("#status", "Disconnected")
	page.clean(server.Listen)
}

func TestServerRestart(t *testing.T) {
	server := start(t)
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	page.login("alice")
	page.fill("#topic", "news")
	page.click("#subscribe button")
	page.shows("#topics", "news")

	server.Stop(t)
	page.frame("closed 1012", "reconnect in")
	start(t, "--listen", server.Listen, "--admin-listen", server.Admin)
	page.shows("#status", "Online as alice")
	// The new process knows nothing of the old session, so the client has
	// subscribed again by itself.
	page.shows("#s-resumed", "no")
	page.until(`[...document.querySelectorAll("#rows > li")].filter((row) => row.dataset.kind === "reply" && row.textContent.includes("topic.Subscribe")).length === 2`)
	admin(t, server, "/api/push", `{"topics":["news"],"message":{"text":"after the restart"}}`)
	page.frame("push.Message", "after the restart")
	page.clean(server.Listen, lost)
}

func TestConnectionLost(t *testing.T) {
	server := start(t)
	between := startProxy(t, server.Listen)
	page := open(t, launch(t), "http://"+between.address()+"/#developer")
	page.login("alice")
	page.fill("#topic", "news")
	page.click("#subscribe button")
	page.shows("#topics", "news")

	between.cut()
	page.frame("closed 1006", "reconnect in")
	page.shows("#status", "Online as alice")
	page.shows("#s-resumed", "yes")
	admin(t, server, "/api/push", `{"topics":["news"],"message":{"text":"after the break"}}`)
	page.frame("push.Message", "after the break")
	page.clean(between.address(), lost)
}

func TestHeartbeat(t *testing.T) {
	server := start(t, "--heartbeat", "1s")
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	page.login("alice")
	page.fill("#filter", "HeartBeat")
	page.until(`document.querySelectorAll('#rows > [data-kind="reply"]').length >= 4`)
	page.shows("#status", "Online as alice")
	page.clean(server.Listen)
}

// TestSilence has a connection that stays open and passes nothing on, which
// only unanswered heartbeats can tell from one on which nothing happens.
func TestSilence(t *testing.T) {
	server := start(t, "--heartbeat", "1s")
	between := startProxy(t, server.Listen)
	page := open(t, launch(t), "http://"+between.address()+"/#developer")
	page.do(`const { PushClient } = await import("/client.js");
		const silent = new PushClient({ user: "alice", timeout: 500 });
		const closes = [];
		silent.addEventListener("close", ({ detail }) => { closes.push(detail); silent.close(); });
		silent.connect();`)
	page.until(`silent.state === "online"`)
	between.frozen.Store(true)
	page.until(`closes.length > 0`)
	if got := eval[string](page, "closes[0].code + ' ' + closes[0].reason"); got != "1006 no answer to a heartbeat" {
		t.Errorf("closed: %s", got)
	}
	page.clean(between.address())
}

// TestCloseCodes asks the client's module what it does after each close code,
// and how long it waits.
func TestCloseCodes(t *testing.T) {
	server := start(t)
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	type verdict struct {
		Retry string
		After float64
	}
	cases := []struct {
		code   int
		reason string
		want   verdict
	}{
		{1000, "", verdict{"no", 0}},
		{1001, "", verdict{"no", 0}},
		{1002, "", verdict{"no", 0}},
		{1003, "", verdict{"no", 0}},
		{1006, "", verdict{"delay", 0}},
		{1007, "", verdict{"no", 0}},
		{1009, "", verdict{"no", 0}},
		{1012, `{"reconnect_after_ms":1234}`, verdict{"after", 1234}},
		{1012, `{"reconnect_after_ms":1e300}`, verdict{"after", 3_600_000}}, // setTimeout would make 0 of it
		{1012, `{"reconnect_after_ms":-1}`, verdict{"delay", 0}},
		{1012, "soon", verdict{"delay", 0}},
		{1012, "null", verdict{"delay", 0}},
		{1013, "", verdict{"delay", 0}},
		{4001, "", verdict{"no", 0}},
		{4002, "", verdict{"no", 0}},
		{4003, "", verdict{"no", 0}},
		{4004, "", verdict{"no", 0}},
		{4005, "", verdict{"no", 0}},
		{4006, "", verdict{"no", 0}},
		{4099, "", verdict{"no", 0}},
		{4100, "", verdict{"delay", 0}},
		{4101, "", verdict{"delay", 0}},
		{4102, "", verdict{"delay", 0}},
		{4103, "", verdict{"delay", 0}},
		{4199, "", verdict{"delay", 0}},
	}
	var asked [][]any
	for _, c := range cases {
		asked = append(asked, []any{c.code, c.reason})
	}
	list, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	got := eval[[]verdict](page, `const client = await import("/client.js"); `+string(list)+`.map((args) => client.verdict(...args))`)
	for i, c := range cases {
		if got[i] != c.want {
			t.Errorf("%d %q: %+v, want %+v", c.code, c.reason, got[i], c.want)
		}
	}

	// The delay is all random, from nothing to a bound that doubles up to a minute.
	bounds := eval[[]float64](page, `[0, 1, 5, 6, 7, 2000].flatMap((n) => [client.backoff(n, () => 0), client.backoff(n, () => 1)])`)
	want := []float64{0, 1_000, 0, 2_000, 0, 32_000, 0, 60_000, 0, 60_000, 0, 60_000}
	for i := range want {
		if bounds[i] != want[i] {
			t.Errorf("backoff: %v, want %v", bounds, want)
			break
		}
	}
	page.clean(server.Listen)
}

// TestSnippets runs what the page offers for copying in another page of the
// same origin, to the letter.
func TestSnippets(t *testing.T) {
	server := start(t)
	chromium := launch(t)
	page := open(t, chromium, "http://"+server.Listen+"/#developer")
	for _, kind := range []string{"client", "plain"} {
		t.Run(kind, func(t *testing.T) {
			user := "site-" + kind
			page.fill("#user", user)
			page.click("#tab-" + kind)
			page.shows("#snippet", user)
			snippet := page.text("#snippet-code")

			site := open(t, chromium, "http://"+server.Listen+"/healthz")
			site.do(snippet)
			testwait.Until(t, "the page to have logged in", func() any {
				return admin(t, server, "/api/push", `{"users":["`+user+`"],"message":{"text":"hello, site"}}`)["sessions"]
			}, func(sessions any) bool { n, _ := sessions.(float64); return n > 0 })
			site.logged("push Message")
			site.logged("hello, site")
			admin(t, server, "/api/kick", `{"user":"`+user+`"}`)
			site.logged("4004")
			site.clean(server.Listen, "/favicon.ico") // which browsers ask for by themselves
		})
	}

	// A token is asked for where there is one, but never copied.
	page.fill("#token", "very-secret")
	page.shows("#snippet", "const token")
	if got := page.text("#snippet-code"); strings.Contains(got, "very-secret") {
		t.Errorf("the snippet: %s", got)
	}
	page.clean(server.Listen)
}
