// Command peers serves bare WebSocket echo and fan-out on one library after the
// other, so that pushd is compared with each at its best. It is a module of its
// own: no peer enters the product. A peer is one file that implements peer in
// the way its library does best, and one line in the table below.
package main

import (
	"bytes"
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

// peer is one library's server.
type peer interface {
	// Serve listens on the address and sends back what comes at /ws, until ctx ends.
	Serve(ctx context.Context, addr string) error
	// Broadcast sends each payload, in their order, to every connection as a text
	// message, and returns when the library has taken all of it. Several payloads
	// are waiting for each connection at once: a library that can join them does.
	Broadcast(payloads [][]byte)
}

var peers = map[string]func() peer{
	"centrifuge": newCentrifuge,
	"gnet":       newGnet,
	"gorilla":    newGorilla,
	"greatws":    newGreatws,
	"gws":        newGWS,
	"nbio":       newNbio,
	"netpoll":    newNetpoll,
	"raw":        newRaw,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	names := strings.Join(slices.Sorted(maps.Keys(peers)), "|")
	if len(args) != 5 || args[1] != "--listen" || args[3] != "--admin-listen" || peers[args[0]] == nil {
		return fmt.Errorf("usage: peers %s --listen host:port --admin-listen host:port", names)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := peers[args[0]]()
	l, err := net.Listen("tcp", args[4])
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(l, admin(p, args[2])) }() // ends with the process
	if err := p.Serve(ctx, args[2]); ctx.Err() == nil {
		return err
	}
	return nil
}

// maxBroadcast bounds what is posted for one broadcast.
const maxBroadcast = 1 << 20

// admin is what every peer serves beside /ws: fan-out of the posted payloads,
// one a line, and the heap figures that the load client asks for. It is ready
// when the peer's own listener takes connections.
func admin(p peer, public string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /broadcast", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBroadcast))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		p.Broadcast(bytes.Split(body, []byte("\n")))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		conn, err := net.Dial("tcp", public)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_ = conn.Close()
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	return mux
}

// serveHTTP is Serve for libraries that upgrade requests of net/http.
func serveHTTP(ctx context.Context, addr string, upgrade http.HandlerFunc) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", upgrade)
	return http.Serve(l, mux)
}
