package page

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"annulus/cmd/ringbench/internal/report"
	"annulus/internal/testutil"
)

// browser is the one that all tests share, with its only tab.
var browser struct {
	sync.Once
	ctx   context.Context
	close []func()
	home  string // a directory for all that it writes
	err   error
	shown *tab
}

// closeBrowser ends it and waits for that.
func closeBrowser() {
	if browser.ctx != nil && browser.err == nil {
		if err := chromedp.Cancel(browser.ctx); err != nil {
			fmt.Fprintln(os.Stderr, "chromium:", err)
		}
	}
	for _, f := range browser.close {
		f()
	}
	if browser.home != "" {
		os.RemoveAll(browser.home)
	}
}

// startBrowser starts chromium. Where there is none the test is skipped; in CI it fails.
func startBrowser(t testing.TB) {
	t.Helper()
	exe, err := exec.LookPath("chromium")
	if err != nil {
		testutil.Absent(t, "no browser to look at pages with: %v; apt-get install chromium", err)
	}
	browser.Do(func() {
		if browser.home, browser.err = os.MkdirTemp("", "annulus-test-"); browser.err != nil {
			return
		}
		options := []chromedp.ExecAllocatorOption{
			chromedp.ExecPath(exe), chromedp.WSURLReadTimeout(testutil.Patience), chromedp.UserDataDir(browser.home),
			chromedp.Env("HOME="+browser.home, "XDG_CONFIG_HOME="+browser.home, "XDG_CACHE_HOME="+browser.home),
		}
		for _, name := range []string{
			"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
			"disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars",
		} {
			options = append(options, chromedp.Flag(name, true))
		}
		options = append(options, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND")) // no page reaches the network
		allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, cancelTab := chromedp.NewContext(allocator)
		browser.ctx, browser.close = ctx, []func(){cancelTab, cancel}
		browser.err = chromedp.Do(ctx)
	})
	if browser.err != nil {
		t.Fatalf("%s: %v", exe, browser.err)
	}
}

// tab is a page in the browser, until the next one is shown. At its end it must have complained of nothing and loaded nothing but itself.
type tab struct {
	t    testing.TB
	ctx  context.Context
	file string
	stop context.CancelFunc // for when the script has failed: nothing that is waited for will come

	mu   sync.Mutex
	said []string
}

// view is how a page is looked at.
type view struct {
	width int64
	dark  bool
}

var (
	wide  = view{width: 1280}
	phone = view{width: 390}
)

// show writes a document as a page and opens it, up to the first drawing of all charts.
func show(t testing.TB, doc report.Document, v view) *tab {
	t.Helper()
	startBrowser(t)
	if browser.shown != nil {
		browser.shown.end()
	}
	p := &tab{t: t, file: filepath.Join(t.TempDir(), "page.html")}
	f, err := os.Create(p.file)
	testutil.Must(t, err)
	testutil.Must(t, Write(f, doc))
	testutil.Must(t, f.Close())

	ctx, stop := context.WithTimeout(browser.ctx, testutil.Patience)
	p.ctx, p.stop, browser.shown = ctx, stop, p
	t.Cleanup(p.end)
	testutil.Must(t, chromedp.Listen(ctx, p.hear))
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	testutil.Must(t, err)
	p.prefer(v.dark)
	p.run(chromedp.EmulateViewport(v.width, 900), chromedp.Navigate("file://"+p.file))
	p.wait(`document.querySelectorAll(".chart").length === 4 && [...document.querySelectorAll(".chart .drawing")].every(d => d.childElementCount)`)
	return p
}

// end says what should not have been, once, and hears no more.
func (p *tab) end() {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.said) > 0 {
		p.t.Errorf("the page complains:\n%s", strings.Join(p.said, "\n"))
	}
	p.said = nil
}

// hear keeps what should not be.
func (p *tab) hear(event any) {
	var said string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		said = "exception: " + e.ExceptionDetails.Text
		if o := e.ExceptionDetails.Exception; o != nil {
			said += " " + o.Description
		}
		defer p.stop()
	case *runtime.EventConsoleAPICalled:
		said = "console: " + string(e.Type)
		for _, a := range e.Args {
			said += " " + string(a.Value) + a.Description
		}
	case *log.EventEntryAdded:
		said = fmt.Sprintf("log: %s: %s", e.Entry.Level, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if url := e.Request.URL; url != "file://"+p.file && !strings.HasPrefix(url, "data:") {
			said = "loads " + url
		}
	}
	if said != "" {
		p.mu.Lock()
		p.said = append(p.said, said)
		p.mu.Unlock()
	}
}

// prefer is what the system of the reader prefers.
func (p *tab) prefer(dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	testutil.Must(p.t, err)
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.fail(err)
	}
}

func (p *tab) fail(err error) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	said := strings.Join(p.said, "\n")
	p.said = nil
	p.t.Fatalf("%v\n%s", err, said)
}

// wait waits until an expression holds.
func (p *tab) wait(condition string) {
	p.t.Helper()
	p.run(chromedp.Poll[chromedp.Void](condition, chromedp.WithPollingTimeout(testutil.Patience)))
}

// eval is the value of an expression.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.fail(err)
	}
	return value
}

// screenshot writes what the whole page looks like.
func (p *tab) screenshot(path string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	testutil.Must(p.t, err)
	testutil.Must(p.t, os.WriteFile(path, png, 0o644))
}
