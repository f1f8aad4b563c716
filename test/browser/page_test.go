package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func TestSession(t *testing.T) {
	server := start(t)
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	page.shows("#status", "Not connected")
	page.shows("#address", server.Listen)

	page.fill("#token", "not-for-keeps")
	page.login("alice")
	page.frame("robot.Login", "alice", `"PlatId":"web"`, `"Token":"…"`)
	page.shows("#s-platform", "web")
	page.shows("#s-resumed", "no")
	page.shows("#s-heartbeat", "every 20 s of 60 s allowed")
	if page.text("#s-id") == "" || page.text("#s-server") == "" {
		t.Error("the session's id or the server is missing")
	}

	page.click("#ping")
	page.shows("#rtt", "ms")
	page.frame("robot.Ping", "ok", `"time":`)
	page.click("#heartbeat")
	page.frame("robot.HeartBeat", "ok")

	stored := eval[string](page, "JSON.stringify(localStorage)")
	if !strings.Contains(stored, "alice") || strings.Contains(stored, "not-for-keeps") {
		t.Errorf("remembered: %s", stored)
	}

	page.click("#logout")
	page.shows("#status", "not logged in")
	page.shows("#connect", "Log in")
	page.click("#connect")
	page.shows("#status", "Online as alice")
	page.until(`!document.body.textContent.includes("not-for-keeps")`)

	page.click("#disconnect")
	page.shows("#status", "Disconnected")
	page.run(chromedp.Reload())
	page.until(`document.querySelector("#user").value === "alice" && document.querySelector("#token").value === ""`)
	page.clean(server.Listen)
}

func TestFrames(t *testing.T) {
	server := start(t, "--heartbeat", "24h") // no heartbeat comes between
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	page.login("alice")

	admin(t, server, "/api/push", `{"users":["alice"],"message":{"text":"for alice","big":12345678901234567890}}`)
	page.frame("push.Message", "for alice", "12345678901234567890")

	page.fill("#topic", "news")
	page.click("#subscribe button")
	page.shows("#topics", "news")
	admin(t, server, "/api/push", `{"topics":["news"],"message":{"text":"for the topic"}}`)
	page.frame("push.Message", "for the topic")

	page.click("#card-topics summary")
	page.fill("#publish-data", `{"text":"from the page"}`)
	page.click("#publish button")
	page.shows("#publish-result", "1 session.")
	page.frame("topic.Message", "from the page", `"from":"alice"`)
	page.fill("#publish-data", `{"text"`)
	page.click("#publish button")
	page.shows("#publish-error", "Line 1, column 8")

	// The reply that refuses is in the list and in a note.
	page.fill("#raw-text", `{"Module":"nobody","Action":"Home","Seq":9}`)
	page.click("#raw-send")
	page.frame("nobody.Home", "404")
	page.shows("#toasts", "404 · nobody.Home")
	page.fill("#topic", "$inner")
	page.click("#subscribe button")
	page.shows("#toasts", "400 · topic.Subscribe")

	// A row opens to indented JSON with every digit.
	page.click("#expand")
	page.until(`[...document.querySelectorAll(".r-body pre")].some((pre) => pre.textContent.includes('"big": 12345678901234567890\n'))`)

	page.fill("#filter", "for the topic")
	page.until(`document.querySelectorAll("#rows > li").length === 1`)
	page.fill("#filter", "")
	page.choose("#kinds", "push")
	page.until(`document.querySelectorAll("#rows > li").length === 3`)
	page.choose("#kinds", "all")

	page.click("#pause")
	admin(t, server, "/api/push", `{"users":["alice"],"message":{"text":"while paused"}}`)
	page.shows("#count-shown", "1 waiting")
	page.until(`!document.querySelector("#rows").textContent.includes("while paused")`)
	page.click("#pause")
	page.frame("while paused")

	page.click("#clear")
	page.shows("#rows-empty", "Every frame")

	// However many come, 500 are kept.
	var batch []string
	for i := range 700 {
		batch = append(batch, fmt.Sprintf(`{"users":["alice"],"message":{"number":%d}}`, i))
	}
	admin(t, server, "/api/batch", `{"items":[`+strings.Join(batch, ",")+`]}`)
	page.frame(`"number":699`)
	page.until(`document.querySelectorAll("#rows > li").length === 500`)

	page.click("#topics button")
	page.until(`document.querySelector("#topics").childElementCount === 0`)
	page.clean(server.Listen)
}

func TestPresence(t *testing.T) {
	server := start(t)
	chromium := launch(t)
	page := open(t, chromium, "http://"+server.Listen+"/#developer")
	page.login("alice")
	page.fill("#presence-users", "bob, alice")
	page.click("#presence-online")
	page.until(`document.querySelector("#roster .here strong")?.textContent === "alice"`)
	page.until(`document.querySelector("#roster .away strong")?.textContent === "bob"`)

	page.fill("#presence-users", "bob")
	page.click("#presence-watch")
	page.shows("#roster", "watched")
	other := open(t, chromium, "http://"+server.Listen+"/#developer")
	other.choose("#platform", "ios")
	other.login("bob")
	// One tab of a window is in front; the other one doesn't draw.
	call(page, cdppage.BringToFront, cdp.Empty{})
	page.frame("presence.Online", "bob", "ios")
	page.until(`[...document.querySelectorAll("#roster .here")].some((row) => row.textContent.includes("bob") && row.textContent.includes("ios"))`)
	other.click("#logout")
	page.frame("presence.Offline", "bob")
	page.until(`document.querySelector("#roster .away")?.textContent.includes("bob")`)

	page.click("#presence-all")
	page.frame("presence.Subscribe", `"all":true`)
	page.clean(server.Listen)
	other.clean(server.Listen)
}

func TestEditorRefuses(t *testing.T) {
	server := start(t, "--heartbeat", "24h") // no heartbeat comes between
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	page.login("alice")
	page.click("#clear")
	cases := []struct{ text, complaint string }{
		{"", "Write a request"},
		{"{\n  \"Module\": \"robot\",\n  \"Action\" \"Ping\"\n}", "Line 3, column 12"},
		{`["robot","Ping"]`, "is a JSON object"},
		{`{"Action":"Ping"}`, "Module is missing"},
		{`{"Module":"robot","Action":7}`, "Action is missing"},
		{`{"Module":"robot","Action":"Ping","Seq":-1}`, "Seq must be an integer"},
		{`{"Module":"robot","Action":"Ping","Seq":4294967296}`, "Seq must be an integer"},
		{`{"Module":"robot","Action":"Ping","Data":[]}`, "Data must be an object"},
	}
	for _, c := range cases {
		page.fill("#raw-text", c.text)
		page.click("#raw-send")
		page.shows("#raw-error", c.complaint)
	}
	// The order of the frames shows that none of these was sent.
	page.fill("#raw-text", `{"Module":"robot","Action":"Ping","Seq":77}`)
	page.click("#raw-send")
	page.frame("robot.Ping", "ok", `"Seq":77`)
	page.shows("#raw-result", "code 0")
	page.until(`document.querySelectorAll("#rows > li").length === 2`)
	page.clean(server.Listen)
}

func TestTokenMode(t *testing.T) {
	server := start(t, "--auth.mode", "token", "--auth.jwt.key", "a-secret-of-the-tests-and-of-nothing-else")
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	page.fill("#user", "alice")
	page.click("#connect")
	page.shows("#login-error", "401 · robot.Login")
	page.shows("#status", "Disconnected")
	page.fill("#token", "not.a.token")
	page.click("#connect")
	page.shows("#login-error", "token refused")
	page.clean(server.Listen)
}

// TestLooks checks what can be checked of a page's looks: nothing sticks out of
// a phone's screen, and whoever doesn't see it is told what each control is.
// The screenshots are for people: PUSHD_SCREENSHOT names a directory for them.
func TestLooks(t *testing.T) {
	server := start(t)
	page := open(t, launch(t), "http://"+server.Listen+"/#developer")
	dir := os.Getenv("PUSHD_SCREENSHOT")
	if dir == "" {
		dir = t.TempDir()
	}
	page.click("#login summary")
	page.named(30)
	page.pictures(dir, "start", "session")

	page.login("alice")
	page.fill("#topic", "news")
	page.click("#subscribe button")
	page.shows("#topics", "news")
	page.fill("#presence-users", "alice, bob")
	page.click("#presence-watch")
	page.shows("#roster", "bob")
	page.click("#ping")
	page.frame("robot.Ping", "ok")
	admin(t, server, "/api/push", `{"users":["alice"],"message":{"text":"your order was sent","order":"A-1042","total":{"amount":4900,"currency":"EUR"}}}`)
	admin(t, server, "/api/push", `{"topics":["news"],"message":{"text":"all are told"}}`)
	page.frame("all are told")
	page.fill("#raw-text", "{\n  \"Module\": \"shop\",\n  \"Action\": \"Order\",\n  \"Seq\": 3\n}")
	page.click("#raw-send")
	page.frame("shop.Order", "404")
	page.do(`document.querySelector('[data-kind="push"] .r-head').click()`)
	page.named(30)
	page.pictures(dir, "online", "session", "frames", "topics", "request", "code")

	admin(t, server, "/api/kick", `{"user":"alice","reason":"that was the tour"}`)
	page.shows("#banner-code", "4004")
	page.fill("#raw-text", `{"Module":"robot","Action":}`)
	page.click("#raw-send")
	page.shows("#raw-error", "Line 1")
	page.named(30)
	page.pictures(dir, "kicked", "session", "request")

	page.click("#banner-now")
	page.shows("#status", "Online as alice")
	server.Stop(t)
	page.shows("#status", "Waiting to reconnect")
	page.pictures(dir, "waiting", "session")
	page.clean(server.Listen, lost)
}

// pictures takes screenshots in both color schemes: of a wide and a middle
// screen, and on a phone, of these panels if there are any. Then the screen is wide again.
func (p *tab) pictures(dir, state string, parts ...string) {
	p.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme},
				{Name: "prefers-reduced-motion", Value: "reduce"}, // nothing is caught half way
			},
		})
		p.picture(dir, state+"-wide-"+scheme, 1440, 900)
		p.picture(dir, state+"-middle-"+scheme, 1000, 800)
		if len(parts) == 0 {
			p.picture(dir, state+"-phone-"+scheme, 390, 800)
		}
		for _, part := range parts {
			p.do(fmt.Sprintf(`document.querySelector('.views [data-view="%s"]').click()`, part))
			p.picture(dir, state+"-phone-"+scheme+"-"+part, 390, 800)
		}
	}
	p.run(chromedp.EmulateViewport(1440, 900))
}

func (p *tab) picture(dir, name string, width, height int64) {
	p.t.Helper()
	p.run(chromedp.EmulateViewport(width, height))
	for _, box := range eval[[]string](p, `["html", "#developer", ".side", ".tools", "#rows", "#chat", "#conversations", "#messages", "#details"].filter((box) => {
		const { scrollWidth, clientWidth } = document.querySelector(box);
		return scrollWidth > clientWidth;
	})`) {
		p.t.Errorf("%s: something sticks out of %s", name, box)
	}
	if width >= 1180 && eval[bool](p, `document.documentElement.scrollHeight > innerHeight`) {
		p.t.Errorf("%s: the page as a whole scrolls", name)
	}
	image, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), image, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// named fails the test for every control that assistive technology has no name
// for, and when there are fewer controls than there should be.
func (p *tab) named(least int) {
	p.t.Helper()
	controls := []string{"button", "textbox", "searchbox", "combobox", "checkbox", "tab", "log", "list", "region"}
	found := 0
	for _, node := range call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := strings.Trim(string(node.Role.Value), `"`)
		if !slices.Contains(controls, role) {
			continue
		}
		found++
		if node.Name == nil || strings.Trim(string(node.Name.Value), `" `) == "" {
			p.t.Errorf("a %s has no name (DOM node %d)", role, node.BackendDOMNodeID)
		}
	}
	if found < least {
		p.t.Errorf("only %d controls found", found)
	}
}
