// Command peers serves bare WebSocket echo and fan-out on one library after the
// other, so that pushd is compared with each at its best. It is a module of its
// own: no peer enters the product. A peer is one file that offers a handler
// (or, for libraries with their own event loop, a server) and one line in the
// table below.
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// peer is one library's server, listening.
type peer interface {
	// Serve accepts connections on l until it is closed. Connections on /ws are
	// echoed; every other request goes to rest.
	Serve(l net.Listener, rest http.Handler) error
	// Broadcast sends payload to every connection as a text message, encoded once.
	Broadcast(payload []byte)
}

var peers = map[string]func() peer{
	"gorilla": newGorilla,
	"gws":     newGWS,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	names := strings.Join(slices.Sorted(maps.Keys(peers)), "|")
	if len(args) != 3 || args[1] != "--listen" || peers[args[0]] == nil {
		return fmt.Errorf("usage: peers %s --listen host:port", names)
	}
	l, err := net.Listen("tcp", args[2])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := peers[args[0]]()
	fmt.Printf("listening on %s\n", l.Addr())
	context.AfterFunc(ctx, func() { l.Close() })
	if err := p.Serve(l, rest(p)); ctx.Err() == nil {
		return err
	}
	return nil
}

// rest is what every peer serves beside /ws: fan-out of a posted payload, and
// the heap figures that the load client asks for.
func rest(p peer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /broadcast", func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		p.Broadcast(payload)
	})
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	return mux
}

// serveHTTP is Serve for libraries that upgrade requests of net/http.
func serveHTTP(l net.Listener, upgrade http.HandlerFunc, rest http.Handler) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", upgrade)
	mux.Handle("/", rest)
	return http.Serve(l, mux)
}
