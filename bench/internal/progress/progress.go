// Package progress tells people on a terminal how far a run has come: a bar on
// a terminal, plain lines every few seconds elsewhere. It polls a count that
// the run keeps anyway, so showing progress costs the run nothing.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sys/unix"
)

// Style is how progress is shown.
type Style string

// The styles of --out.
const (
	Auto  Style = "auto" // Bar on a terminal, else Plain
	Bar   Style = "bar"
	Plain Style = "plain"
	None  Style = "none"
)

// Shower shows one phase after the other.
type Shower struct {
	out   io.Writer
	style Style
	every time.Duration // between plain lines
}

// New shows on out in the style.
func New(out *os.File, style Style) (*Shower, error) {
	switch style {
	case Auto:
		style = Plain
		if _, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS); err == nil {
			style = Bar
		}
	case Bar, Plain, None:
	default:
		return nil, fmt.Errorf("progress %q: must be auto, bar, plain or none", style)
	}
	return &Shower{out: out, style: style, every: 3 * time.Second}, nil
}

// Phase shows name and count() of total until the function it returns is called.
func (s *Shower) Phase(name string, total int64, count func() int64) (end func()) {
	if s.style == None {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	run := s.plain
	if s.style == Bar {
		run = s.bar
	}
	go func() {
		defer close(stopped)
		run(name, total, count, stop)
	}()
	return func() { close(stop); <-stopped }
}

// Seconds is a count for Phase: the seconds gone by since it was made.
func Seconds() func() int64 {
	start := time.Now()
	return func() int64 { return int64(time.Since(start) / time.Second) }
}

func (s *Shower) plain(name string, total int64, count func() int64, stop <-chan struct{}) {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	start := time.Now()
	for {
		select {
		case <-tick.C:
			_, _ = fmt.Fprintf(s.out, "%s: %d/%d\n", name, count(), total)
		case <-stop:
			_, _ = fmt.Fprintf(s.out, "%s: %d/%d in %.1f s\n", name, count(), total, time.Since(start).Seconds())
			return
		}
	}
}

func (s *Shower) bar(name string, total int64, count func() int64, stop <-chan struct{}) {
	p := mpb.New(mpb.WithOutput(s.out), mpb.WithWidth(48))
	bar := p.AddBar(total,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace), decor.Elapsed(decor.ET_STYLE_GO, decor.WCSyncSpace)))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			// The bar itself would end at its total, before the phase does.
			bar.SetCurrent(min(count(), max(total-1, 0)))
		case <-stop:
			bar.SetCurrent(min(count(), total))
			bar.Abort(false) // keeps the line when the total wasn't reached
			p.Wait()
			return
		}
	}
}
