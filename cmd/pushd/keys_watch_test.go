package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeyWatcher plays through what a key source may do, one look after the
// other, and counts what reaches the verifier and the log.
func TestKeyWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu       sync.Mutex // fake time orders nothing for the race detector
			material string
			broken   error
			applied  []string
			log      bytes.Buffer
		)
		w := &keyWatcher{
			location: "keys.json", every: time.Minute, log: slog.New(slog.NewTextHandler(&log, nil)),
			read: func(context.Context) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				return []byte(material), broken
			},
			apply: func(m []byte) error {
				if strings.HasPrefix(string(m), "bad") {
					return errors.New("no keys in it")
				}
				applied = append(applied, string(m))
				return nil
			},
		}
		material = "one"
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()

		for _, step := range []struct {
			name     string
			material string
			broken   error
			applied  string // all so far
			log      string // part of the one line written; "" is none
		}{
			{"unchanged", "one", nil, "one", ""},
			{"rotated", "two", nil, "one,two", "keys changed"},
			{"out of reach", "two", errors.New("timeout"), "one,two", "timeout"},
			{"still out of reach", "two", errors.New("timeout"), "one,two", ""},
			{"back, unchanged", "two", nil, "one,two", "readable again"},
			{"bad", "bad1", nil, "one,two", "no keys in it"},
			{"still bad", "bad1", nil, "one,two", ""},
			{"bad in the same way", "bad2", nil, "one,two", ""},
			{"good again", "two", nil, "one,two,two", "keys changed"},
			{"bad and then out of reach", "bad1", nil, "one,two,two", "no keys in it"},
			{"out of reach while bad", "bad1", errors.New("timeout"), "one,two,two", "timeout"},
			{"back and still bad", "bad1", nil, "one,two,two", ""},
			{"good at last", "three", nil, "one,two,two,three", "keys changed"},
		} {
			mu.Lock()
			log.Reset()
			material, broken = step.material, step.broken
			mu.Unlock()
			time.Sleep(time.Minute)
			synctest.Wait()
			if got := strings.Join(applied, ","); got != step.applied {
				t.Errorf("%s: applied %q, want %q", step.name, got, step.applied)
			}
			if lines := strings.Count(log.String(), "\n"); (step.log == "") != (lines == 0) || lines > 1 || !strings.Contains(log.String(), step.log) {
				t.Errorf("%s: logged %q, want %q", step.name, log.String(), step.log)
			}
		}
		stop()
		<-done
	})
}

func TestKeySources(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) })
	mux.HandleFunc("/huge", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxKeySet+1)) })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	server := httptest.NewServer(mux)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(`{"keys":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(t.TempDir(), "huge.json")
	if err := os.WriteFile(huge, make([]byte, maxKeySet+1), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, location, want string
	}{
		{"address", server.URL + "/keys", ""},
		{"file", file, ""},
		{"address without end", server.URL + "/huge", "more than 1MiB"},
		{"file too large", huge, "more than 1MiB"},
		{"bad status", server.URL + "/broken", "status 502"},
		{"redirects in a circle", server.URL + "/round", "more than 3 redirects"},
		{"no file", file + ".no", "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got string
			w := watchKeySet(c.location, time.Minute, func(m []byte) error { got = string(m); return nil }, slog.New(slog.DiscardHandler))
			err := w.Load(t.Context())
			switch {
			case c.want == "" && (err != nil || got != `{"keys":[]}`):
				t.Errorf("got %q, %v", got, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}

	t.Run("not from https to http", func(t *testing.T) {
		secure := httptest.NewTLSServer(http.RedirectHandler(server.URL+"/keys", http.StatusFound))
		defer secure.Close()
		client := keyClient()
		client.Transport = secure.Client().Transport
		if _, err := fetchKeySet(t.Context(), client, secure.URL); err == nil || !strings.Contains(err.Error(), "redirect from https to http") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a single key's file", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "key")
		write(t, name, "secret\n")
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
		var got string
		w := watchKeyFile(name, time.Minute, func(m []byte) error { got = string(m); return nil }, slog.New(slog.DiscardHandler))
		if err := w.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("an open file: %v", err)
		}
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.Load(t.Context()); err != nil || got != "secret" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
