package scenario

import (
	"context"
	"errors"
	"sync"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/internal/pause"
	"pushd/bench/internal/report"
)

// watch follows the server's process while a run is measured.
type watch struct {
	process host.Process
	files   int // open before the first connection

	cpu    time.Duration // at begin
	before int64
	calls  *host.SystemCalls // nil where they can't be counted
	stop   chan struct{}
	ended  sync.WaitGroup

	// Owned by the sampling goroutine until ended.
	seconds, sizes []float64
	err            error
}

func newWatch(p host.Process) (*watch, error) {
	files, err := p.Files()
	if err != nil {
		return nil, err
	}
	return &watch{process: p, files: files}, nil
}

func (w *watch) begin() error {
	var err error
	if w.before, err = w.process.RSS(); err != nil {
		return err
	}
	if w.cpu, err = w.process.CPU(); err != nil {
		return err
	}
	if w.calls, err = host.NewSystemCalls(w.process); err != nil && !errors.Is(err, host.ErrNoTracing) {
		return err
	}
	w.stop = make(chan struct{})
	w.ended.Go(w.sample)
	return nil
}

func (w *watch) sample() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	start := time.Now()
	for {
		rss, err := w.process.RSS()
		if err != nil {
			w.err = err
			return
		}
		w.seconds, w.sizes = append(w.seconds, time.Since(start).Seconds()), append(w.sizes, float64(rss))
		select {
		case <-tick.C:
		case <-w.stop:
			return
		}
	}
}

func (w *watch) end() (*report.Process, error) {
	cpu, err := w.process.CPU()
	close(w.stop)
	w.ended.Wait()
	if err != nil {
		return nil, err
	}
	calls := int64(0)
	if w.calls != nil {
		defer w.calls.Close()
		if calls, err = w.calls.Count(); err != nil {
			return nil, err
		}
	}
	if w.err != nil {
		return nil, w.err
	}
	after, err := w.process.RSS()
	if err != nil {
		return nil, err
	}
	top := max(w.before, after)
	for _, s := range w.sizes {
		top = max(top, int64(s))
	}
	return &report.Process{
		PID: w.process.PID, CPUSeconds: (cpu - w.cpu).Seconds(), RSSBefore: w.before, RSSAfter: after, RSSMax: top,
		RSSPerMinute: 60 * slope(w.seconds, w.sizes), SystemCalls: calls,
	}, nil
}

// filesSettled counts descriptors until they are as before or a while has passed.
func (w *watch) filesSettled(ctx context.Context) int {
	for range 30 {
		n, err := w.process.Files()
		if err != nil || n <= w.files {
			return n
		}
		if pause.For(ctx, 100*time.Millisecond) != nil {
			return n
		}
	}
	n, _ := w.process.Files()
	return n
}

// slope is that of the line through the points with the least squares, 0 when
// there are too few to tell a slope from noise.
func slope(x, y []float64) float64 {
	n := float64(len(x))
	if n < 10 {
		return 0
	}
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	d := n*sxx - sx*sx
	if d == 0 {
		return 0
	}
	return (n*sxy - sx*sy) / d
}
