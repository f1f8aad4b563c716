// Package browser drives the page at / in a real browser, against the built
// server: what a person clicks, and what a site's own page does with the
// example that it copied.
package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"pushd/internal/testwait"
	"pushd/test/internal/serverproc"
)

func TestMain(m *testing.M) { os.Exit(serverproc.Main(m)) }

// start runs a server whose drain is short, since there are few connections.
func start(t *testing.T, flags ...string) *serverproc.Server {
	t.Helper()
	return serverproc.Start(t, append([]string{"--dev", "--drain", "1s"}, flags...)...)
}

// launch starts a browser with a new profile, for one test.
func launch(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: apt-get install chromium", err)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1440, 900),
		chromedp.Flag("headless", true),
		chromedp.Flag("no-sandbox", true), // tests may run as root
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), // 64 MB of it in a container
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-background-timer-throttling", true),
	)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits for its end, so that the profile can go
			t.Errorf("ending the browser: %v", err)
		}
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	return ctx
}

// tab is a page in the browser, with what it logged and asked for.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	console  []string // console.log and the like
	problems []string // exceptions, errors and warnings
	hosts    map[string]bool
}

// open opens a page and waits until it is loaded.
func open(t *testing.T, browser context.Context, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &tab{t: t, ctx: ctx, hosts: map[string]bool{}}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	var listening sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		listening.Wait()
	})
	console := chromedp.Console(ctx)
	requests := chromedp.Events(ctx, network.RequestWillBeSent)
	sockets := chromedp.Events(ctx, network.WebSocketCreated)
	// Each ends with ctx, whose end is the only error there is.
	listening.Go(func() {
		for message, err := range console {
			if err == nil {
				p.said(message)
			}
		}
	})
	listening.Go(func() {
		for event, err := range requests {
			if err == nil {
				p.asked(event.Request.URL)
			}
		}
	})
	listening.Go(func() {
		for event, err := range sockets {
			if err == nil {
				p.asked(event.URL)
			}
		}
	})
	p.run(chromedp.Navigate(url))
	return p
}

func (p *tab) said(message chromedp.ConsoleMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.console = append(p.console, message.Text)
	switch message.Type {
	case chromedp.ConsoleError, chromedp.ConsoleWarning, chromedp.ConsoleException:
		p.problems = append(p.problems, message.String()+" "+message.URL)
	}
}

func (p *tab) asked(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts[hostOf(url)] = true
}

func hostOf(url string) string {
	_, rest, found := strings.Cut(url, "://")
	if !found {
		return "" // data: and blob:
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// clean fails the test if the page had a problem, or asked another host than
// the one it is from. Problems that contain one of these are expected.
func (p *tab) clean(host string, expected ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		known := false
		for _, part := range expected {
			known = known || strings.Contains(problem, part)
		}
		if !known {
			p.t.Errorf("the page's %s", problem)
		}
	}
	for asked := range p.hosts {
		if asked != host && asked != "" {
			p.t.Errorf("the page asked %s, not only %s", asked, host)
		}
	}
}

// patient is the context of one thing that is done in the page or waited for.
func (p *tab) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, testwait.Patience)
}

// run does actions in the page.
func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// call sends a command of the browser's protocol.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.t.Fatal(err)
	}
	return result
}

// eval evaluates JavaScript as the browser's own console would, with await.
func eval[T any](p *tab, script string) T {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	yes := true
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, func(e *runtime.EvaluateParams) {
		e.AwaitPromise, e.ReplMode = &yes, &yes
	}))
	if err != nil {
		p.t.Fatalf("%v in %s", err, script)
	}
	return result
}

// do evaluates JavaScript whose value doesn't matter.
func (p *tab) do(script string) {
	p.t.Helper()
	eval[chromedp.Void](p, script)
}

// until waits for a condition of the page.
func (p *tab) until(condition string) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	for {
		met, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		if err != nil && ctx.Err() == nil {
			p.t.Fatalf("waiting for %s: %v", condition, err)
		}
		if met {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("waited in vain for %s; the page shows:\n%s", condition, p.text("body"))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// shows waits until the text of an element contains this.
func (p *tab) shows(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("document.querySelector(%q).checkVisibility() && document.querySelector(%q).textContent.includes(%q)", selector, selector, text))
}

// frame waits for a row of the list of frames that contains all of these.
func (p *tab) frame(texts ...string) {
	p.t.Helper()
	list, err := json.Marshal(texts)
	if err != nil {
		p.t.Fatal(err)
	}
	p.until(fmt.Sprintf("[...document.querySelectorAll('#rows > li')].some((row) => %s.every((text) => row.textContent.includes(text)))", list))
}

// logged waits for a line in the browser's console.
func (p *tab) logged(part string) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	for {
		p.mu.Lock()
		lines := strings.Join(p.console, "\n")
		p.mu.Unlock()
		if strings.Contains(lines, part) {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("waited in vain for %q in the console, which has:\n%s", part, lines)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.run(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill replaces the text of a field as typing does.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.do(fmt.Sprintf("{ const field = document.querySelector(%q); field.focus(); field.select(); }", selector))
	if text == "" {
		p.run(chromedp.KeyEvent(kb.Backspace))
		return
	}
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}

// choose picks an option of a select.
func (p *tab) choose(selector, value string) {
	p.t.Helper()
	p.do(fmt.Sprintf("{ const list = document.querySelector(%q); list.value = %q; list.dispatchEvent(new Event('change', { bubbles: true })); }", selector, value))
}

// login fills in the form, sends it, and waits for the session.
func (p *tab) login(user string) {
	p.t.Helper()
	p.fill("#user", user)
	p.click("#connect")
	p.shows("#status", "Online as "+user)
}

// admin asks the server's admin listener; the answer must be a success.
func admin(t *testing.T, server *serverproc.Server, path, body string) (answer map[string]any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+server.Admin+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer dev")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode/100 != 2 {
		t.Fatalf("POST %s %s: %s: %s", path, body, response.Status, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("POST %s: %v in %s", path, err, text)
	}
	return answer
}
