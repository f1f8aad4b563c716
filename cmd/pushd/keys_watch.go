package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"pushd/internal/config"
)

const (
	// maxKeySet bounds a key set, from a file or an address.
	maxKeySet = 1 << 20
	// keyFetchTime bounds one fetch of a key set.
	keyFetchTime = 10 * time.Second
)

// keyWatcher reads key material again and again and hands on what changed. Bad
// new material changes nothing: apply refuses it, the old keys stay, and the
// cause is logged once.
type keyWatcher struct {
	location string        // file, or http(s) address
	every    time.Duration // between two looks
	read     func(ctx context.Context) ([]byte, error)
	apply    func(material []byte) error
	log      *slog.Logger

	// Owned by whoever runs Load and then Run.
	seen    [sha256.Size]byte // of the last material that was handed on, good or bad
	refused bool              // apply refused it
	trouble string            // the last cause logged; "" when all is well
}

// watchKeySet watches a JSON Web Key Set. apply is called with every new
// content and returns an error to refuse it.
func watchKeySet(location string, every time.Duration, apply func([]byte) error, log *slog.Logger) *keyWatcher {
	read := func(context.Context) ([]byte, error) { return config.ReadBounded(location, maxKeySet) }
	if strings.Contains(location, "://") {
		client := keyClient()
		read = func(ctx context.Context) ([]byte, error) { return fetchKeySet(ctx, client, location) }
	}
	return &keyWatcher{location: location, every: every, read: read, apply: apply, log: log}
}

// watchKeyFile watches the file of a single key, under the rules for key files.
func watchKeyFile(name string, every time.Duration, apply func([]byte) error, log *slog.Logger) *keyWatcher {
	read := func(context.Context) ([]byte, error) {
		key, err := config.ReadKeyFile(name)
		return []byte(key), err
	}
	return &keyWatcher{location: name, every: every, read: read, apply: apply, log: log}
}

// Load reads and applies the material once, before the server starts.
func (w *keyWatcher) Load(ctx context.Context) error {
	material, err := w.read(ctx)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	w.seen = sha256.Sum256(material)
	if err := w.apply(material); err != nil {
		return fmt.Errorf("keys of %s: %w", w.location, err)
	}
	return nil
}

// Run looks for new material until ctx ends. The server runs it as a goroutine
// of its own and waits for it at shutdown.
func (w *keyWatcher) Run(ctx context.Context) {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.look(ctx)
		}
	}
}

func (w *keyWatcher) look(ctx context.Context) {
	material, err := w.read(ctx)
	if ctx.Err() != nil {
		return // stopping, which is not trouble with the keys
	}
	if err != nil {
		w.report(err)
		return
	}
	sum := sha256.Sum256(material)
	if bytes.Equal(sum[:], w.seen[:]) {
		// A source that was out of reach and came back with what is in use has
		// recovered; bad material that is still there has not.
		if w.trouble != "" && !w.refused {
			w.trouble = ""
			w.log.Info("keys readable again, unchanged", slog.String("location", w.location))
		}
		return
	}
	w.seen = sum
	if err := w.apply(material); err != nil {
		w.refused = true
		w.report(err)
		return
	}
	w.refused, w.trouble = false, ""
	w.log.Info("keys changed", slog.String("location", w.location))
}

func (w *keyWatcher) report(err error) {
	if err.Error() == w.trouble {
		return
	}
	w.trouble = err.Error()
	w.log.Error("new keys not taken, the old ones stay", slog.String("location", w.location), slog.Any("error", err))
}

// keyClient is an HTTP client for one small request now and then: bounded in
// time, without idle connections, and never led from https to http.
func keyClient() *http.Client {
	return &http.Client{
		Timeout:   keyFetchTime,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) >= 3 {
				return errors.New("more than 3 redirects")
			}
			if via[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
				return errors.New("redirect from https to " + next.URL.Scheme)
			}
			return nil
		},
	}
}

func fetchKeySet(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: status %d", address, response.StatusCode)
	}
	return config.ReadAllBounded(response.Body, address, maxKeySet)
}
