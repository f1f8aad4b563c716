package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"pushd/internal/metrics"
)

// Options say where a backend is and how patient to be; zero values are the
// defaults that WithDefaults has.
type Options struct {
	Name        string        // label in metrics and log: one of a fixed set of the caller's
	URL         string        // http or https; required
	Secret      Secret        // calls are not signed if zero
	Timeout     time.Duration // of one call, waiting for its turn included
	Concurrency int           // calls at a time
	MaxReply    int           // bytes of a reply
}

// WithDefaults replaces zero values by the defaults.
func (o Options) WithDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	orDefault(&o.Concurrency, 16)
	orDefault(&o.MaxReply, 64<<10)
	return o
}

const (
	// maxReplyHeader bounds the headers of a reply.
	maxReplyHeader = 16 << 10
	// maxRetryAfter bounds how long a backend can ask to be left alone.
	maxRetryAfter = 5 * time.Minute
)

// Client makes calls to one backend. Its methods may be called from any
// goroutine.
type Client struct {
	// immutable
	opts    Options
	http    *http.Client
	places  chan struct{} // one element for each call under way
	metrics *metrics.Metrics
	log     *slog.Logger
	seldom  seldom

	breaker breaker
}

// NewClient makes a client; it connects with its first call. The error is about
// the address.
func NewClient(o Options, m *metrics.Metrics, log *slog.Logger) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf(
			"%s: the address of a webhook begins with https:// or http:// and holds no user or password", o.Name)
	}
	o = o.WithDefaults()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With(slog.String("webhook", o.Name), slog.String("host", u.Host))
	return &Client{
		opts:    o,
		places:  make(chan struct{}, o.Concurrency),
		metrics: m,
		log:     log,
		http: &http.Client{
			// A redirect is a wrong address: following it would take the body, and with
			// 307 the signature, to wherever it points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext:            (&net.Dialer{Timeout: o.Timeout, KeepAlive: 30 * time.Second}).DialContext,
				TLSHandshakeTimeout:    o.Timeout,
				MaxIdleConnsPerHost:    o.Concurrency,
				MaxConnsPerHost:        o.Concurrency,
				IdleConnTimeout:        90 * time.Second,
				MaxResponseHeaderBytes: maxReplyHeader,
				ForceAttemptHTTP2:      true,
				// A reply that unpacks to more than it seems would only cost time.
				DisableCompression: true,
			},
		},
	}, nil
}

// Name is the label that the client was made with.
func (c *Client) Name() string { return c.opts.Name }

// Close ends idle connections. Calls under way end by themselves.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call posts one JSON body and returns the reply of a 2xx. It tries once; the
// error is a *CallError. id is webhook-id: the same for every attempt to tell the
// same thing, and without full stops.
func (c *Client) Call(ctx context.Context, id string, body []byte) ([]byte, error) {
	began := time.Now()
	mine, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	reply, failure := c.call(mine, ctx, id, body)
	outcome := OutcomeOK
	if failure != nil {
		outcome = failure.Outcome
	}
	c.metrics.Webhook(c.opts.Name, outcome, time.Since(began).Seconds())
	if failure == nil {
		return reply, nil
	}
	if n, now := c.seldom.now(); now && failure.Outcome != OutcomeCanceled {
		c.log.Warn("webhook failed", slog.String("outcome", outcome), slog.Int("status", failure.Status),
			slog.String("error", failure.Error()), slog.Int("others", n))
	}
	return nil, failure
}

// call is bounded by mine; asked is the context of whoever waits for it.
func (c *Client) call(mine, asked context.Context, id string, body []byte) ([]byte, *CallError) {
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-mine.Done():
		if asked.Err() != nil {
			return nil, &CallError{Outcome: OutcomeCanceled, Retry: true, Cause: asked.Err()}
		}
		return nil, &CallError{Outcome: OutcomeBusy, Retry: true}
	}
	if wait, ok := c.breaker.enter(time.Now()); !ok {
		return nil, &CallError{Outcome: OutcomeOpen, Retry: true, After: wait}
	}
	verdict := unsure // also when what follows panics
	defer func() {
		if c.breaker.leave(verdict, time.Now()) {
			c.log.Warn("webhook left alone for a while: it failed too often in a row")
		}
	}()
	reply, failure := c.attempt(mine, id, body)
	switch {
	case failure == nil || !failure.Retry:
		verdict = alive
	case asked.Err() != nil:
		// Whoever asked gave up before the time was over, which says nothing about the
		// backend.
		return nil, &CallError{Outcome: OutcomeCanceled, Retry: true, Cause: asked.Err()}
	default:
		verdict = failed
	}
	return reply, failure
}

func (c *Client) attempt(ctx context.Context, id string, body []byte) ([]byte, *CallError) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.opts.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &CallError{Outcome: OutcomeNetwork, Cause: errors.New("the request can't be made")}
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pushd")
	req.Header.Set(HeaderID, id)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	if signature := c.opts.Secret.Sign(id, now, body); signature != "" {
		req.Header.Set(HeaderSignature, signature)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreached(err)
	}
	defer resp.Body.Close()
	// One byte more than allowed tells that there is more. Reading to the end keeps
	// the connection for the next call.
	reply, err := io.ReadAll(io.LimitReader(resp.Body, int64(c.opts.MaxReply)+1))
	switch {
	case err != nil:
		return nil, unreached(err)
	case resp.StatusCode >= 300:
		return nil, answered(resp)
	case len(reply) > c.opts.MaxReply:
		return nil, &CallError{Outcome: OutcomeTooLarge, Cause: fmt.Errorf("the reply is over %d bytes", c.opts.MaxReply)}
	}
	return reply, nil
}

// answered makes a CallError of a status that is not 2xx.
func answered(resp *http.Response) *CallError {
	f := &CallError{Outcome: OutcomeRefused, Status: resp.StatusCode}
	switch {
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusRequestTimeout,
		resp.StatusCode == http.StatusTooEarly, resp.StatusCode == http.StatusTooManyRequests:
		f.Outcome, f.Retry = OutcomeStatus, true
		if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
			f.After = min(time.Duration(seconds)*time.Second, maxRetryAfter)
		}
	}
	return f
}
