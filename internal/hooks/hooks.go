package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/events"
	"pushd/internal/metrics"
	"pushd/internal/webhook"
)

// Labels of the two sides in metrics and log.
const (
	askName  = "hooks-ask"
	tellName = "hooks"
)

// Options say which backend, of what and how; zero values are the
// defaults that WithDefaults has.
type Options struct {
	URL    string // required
	Secret webhook.Secret
	Events []string // of Types; none if empty, the defaults if nil
	Node   string   // this node's name

	AskTimeout  time.Duration // for an answer
	Concurrency int           // questions at a time
	Allow       bool          // what isn't answered is allowed; refused with 503 otherwise

	TellTimeout time.Duration // of one call that tells
	Workers     int           // such calls at a time
	Batch       int           // events in one of them
	Queue       int           // events that wait
	QueueBytes  int           // of them
	RetryFor    time.Duration // until an event is given up
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	if o.AskTimeout <= 0 {
		o.AskTimeout = time.Second
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	if o.TellTimeout <= 0 {
		o.TellTimeout = 10 * time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Batch <= 0 {
		o.Batch = 100
	}
	if o.Queue <= 0 {
		o.Queue = 100_000
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 64 << 20
	}
	if o.RetryFor <= 0 {
		o.RetryFor = 10 * time.Minute
	}
	if o.Events == nil {
		o.Events = []string{Sent, Offline, Login, Logout, Started, Stopped}
	}
	return o
}

// Hooks is the backend's part. Its methods may be called from any goroutine.
type Hooks struct {
	// immutable
	origin    origin
	opts      Options
	platforms *account.Platforms
	log       *slog.Logger
	asks      *webhook.Client
	tells     *webhook.Client
	queue     *webhook.Queue[json.RawMessage]
	chosen    map[string]bool // types of events

	started atomic.Bool  // the server was ready once, so the backend hears that it stops
	lost    atomic.Int64 // events that were given up and not told of yet
}

// Hooks is what chat asks.
var _ chat.Hooks = (*Hooks)(nil)

// New makes the hooks, which subscribe to the events that the backend is told of. The
// error names what is wrong with the options.
func New(
	platforms *account.Platforms, bus *events.Bus, o Options, m *metrics.Metrics, log *slog.Logger,
) (*Hooks, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o = o.WithDefaults()
	h := &Hooks{
		origin: origin{o.Node, webhook.NewID()}, opts: o, platforms: platforms, log: log, chosen: map[string]bool{},
	}
	for _, t := range o.Events {
		if !slices.Contains(types, t) {
			return nil, fmt.Errorf("hooks: there is no event %q", t)
		}
		h.chosen[t] = true
	}
	var err error
	// Two clients: an answer that is a second late says nothing about a call that
	// may take ten.
	h.asks, err = webhook.NewClient(webhook.Options{
		Name: askName, URL: o.URL, Secret: o.Secret, Timeout: o.AskTimeout, Concurrency: o.Concurrency, MaxReply: 256 << 10,
	}, m, log)
	if err != nil {
		return nil, err
	}
	h.tells, err = webhook.NewClient(webhook.Options{
		Name: tellName, URL: o.URL, Secret: o.Secret, Timeout: o.TellTimeout, Concurrency: o.Workers,
	}, m, log)
	if err != nil {
		return nil, err
	}
	h.queue = webhook.NewQueue(tellName, h.send, webhook.QueueOptions{
		Workers: o.Workers, Items: o.Queue, Bytes: o.QueueBytes, Batch: o.Batch, RetryFor: o.RetryFor,
		Dropped: func(n int, _ string) { h.lost.Add(int64(n)) }, Done: h.tellLost,
	}, m, log)
	h.subscribe(bus)
	return h, nil
}

// Shutdown tells that the server stops, if it ever started, gives what waits a last try and ends the
// connections.
func (h *Hooks) Shutdown(ctx context.Context) error {
	if h.chosen[Stopped] && h.started.Load() {
		// Ahead of the queue, where a logout of every session may wait: this one says it
		// for all of them. That it failed is in the log and the metrics.
		if body, err := encode(Stopped, struct{}{}); err == nil {
			_ = h.send(ctx, webhook.NewID(), []json.RawMessage{body})
		}
	}
	err := h.queue.Shutdown(ctx)
	h.asks.Close()
	h.tells.Close()
	return err
}

// tell queues an event. Its order is kept among those of one key.
func (h *Hooks) tell(key, what string, data any) {
	h.tellLost()
	body, err := encode(what, data)
	if err != nil {
		h.log.Error("an event can't be encoded", slog.String("type", what), slog.Any("error", err))
		return
	}
	h.queue.Post(key, len(body), body)
}

// tellLost lets the backend know that it knows too little.
func (h *Hooks) tellLost() {
	n := h.lost.Swap(0)
	if n == 0 {
		return
	}
	if body, err := encode(Lost, loss{int(n)}); err == nil && !h.queue.Post("", len(body), body) {
		h.lost.Add(n - 1) // the queue counted this one too
	}
}

func encode(what string, data any) (json.RawMessage, error) {
	return json.Marshal(event{Type: what, ID: webhook.NewID(), Time: time.Now().UnixMilli(), Data: data})
}

// send is the queue's work.
func (h *Hooks) send(ctx context.Context, id string, batch []json.RawMessage) error {
	body, err := json.Marshal(told{Type: "events", ID: id, origin: h.origin, Events: batch})
	if err != nil {
		return errors.New("a batch of events can't be encoded")
	}
	_, err = h.tells.Call(ctx, id, body)
	return err
}
