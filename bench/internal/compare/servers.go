// Package compare measures pushd and its peers side by side: it starts each
// server on one processor and this same program as the client on another, in
// turns over several rounds, so that whatever else the machine does falls on
// all alike, and sums up medians, spreads and ratios.
package compare

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"pushd/bench/internal/host"
	"pushd/bench/internal/process"
)

// Pushd is the name of the one server that isn't a peer.
const Pushd = "pushd"

// Peers are the servers of bench/peers, the limit first.
func Peers() []string {
	return []string{"raw", "gorilla", "gws", "nbio", "gnet", "greatws", "netpoll", Centrifuge}
}

// Centrifuge is the one peer that is a product: it knows users and channels, and
// speaks Centrifugo's protocol.
const Centrifuge = "centrifuge"

// server is one process under test.
type server struct {
	*process.Server
	args []string // of the client, for this server
}

// binaries are the programs that are compared.
type binaries struct{ pushd, peers string }

// build makes what the options don't name, from the source tree in the current
// directory, into dir.
func build(ctx context.Context, o Options, dir string) (binaries, error) {
	b := binaries{o.PushdBinary, o.PeersBinary}
	for _, p := range []struct {
		binary *string
		needed bool
		name   string
		source process.Source
	}{
		{&b.pushd, o.has(Pushd), "pushd", process.Source{Package: "./cmd/pushd"}},
		{&b.peers, o.hasPeers(), "peers", process.Source{Dir: filepath.Join("bench", "peers"), Package: "."}},
	} {
		if *p.binary != "" {
			var err error
			if *p.binary, err = filepath.Abs(*p.binary); err != nil {
				return b, err
			}
			continue
		}
		if !p.needed {
			continue
		}
		*p.binary = filepath.Join(dir, p.name)
		if err := p.source.Build(ctx, *p.binary); err != nil {
			return b, err
		}
	}
	return b, nil
}

const (
	adminKey     = "bench-key"
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

// start runs the named server on its processor and waits until it is ready.
func (b binaries) start(ctx context.Context, name string, o Options, dir string) (*server, error) {
	s, err := process.StartServer(ctx, process.ServerOptions{
		Name: name, AdminKey: adminKey, ReadyIn: startTimeout, StopIn: stopTimeout,
		Command: func(listen, admin string) *exec.Cmd {
			cmd := b.command(name, listen, admin, o.PushdArgs)
			cmd.Dir = dir
			return cmd
		},
		Launch: func(start func() error) error { return host.OnCPU(o.ServerCPU, start) },
	})
	if err != nil {
		return nil, err
	}
	switch name {
	case Pushd:
		return &server{Server: s}, nil
	case Centrifuge:
		return &server{s, []string{"--centrifugo"}}, nil
	default:
		return &server{s, []string{"--bare"}}, nil
	}
}

func (b binaries) command(name, listen, admin string, pushdArgs []string) *exec.Cmd {
	if name != Pushd {
		return exec.Command(b.peers, name, "--listen", listen, "--admin-listen", admin)
	}
	return exec.Command(b.pushd, append([]string{
		"serve", "--dev", "--listen", listen, "--admin-listen", admin, "--admin-key", adminKey,
		"--rate.messages", "0", "--store", "none", // the peers have neither
	}, pushdArgs...)...)
}

// self is this program, which is also the client.
func self() (string, error) {
	name, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return name, nil
}
