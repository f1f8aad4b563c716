// Package compare measures pushd and its peers side by side: it starts each
// server on one processor and this same program as the client on another, in
// turns over several rounds, so that whatever else the machine does falls on
// all alike, and sums up medians, spreads and ratios.
package compare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
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
	url, admin string
	args       []string // of the client, for this server
	cmd        *exec.Cmd
	ended      chan struct{} // closed when the process is gone
	log        *process.Tail
}

// binaries are the programs that are compared.
type binaries struct{ pushd, peers string }

// build makes what the options don't name, from the source tree in the current
// directory, into dir.
func build(ctx context.Context, o Options, dir string) (binaries, error) {
	b := binaries{o.PushdBinary, o.PeersBinary}
	for _, p := range []struct {
		binary   *string
		needed   bool
		name     string
		from, of string
	}{
		{&b.pushd, o.has(Pushd), "pushd", ".", "./cmd/pushd"},
		{&b.peers, o.hasPeers(), "peers", filepath.Join("bench", "peers"), "."},
	} {
		var err error
		if *p.binary != "" {
			if *p.binary, err = filepath.Abs(*p.binary); err != nil {
				return b, err
			}
			continue
		}
		if !p.needed {
			continue
		}
		*p.binary = filepath.Join(dir, p.name)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", *p.binary, p.of)
		cmd.Dir = p.from
		if out, err := cmd.CombinedOutput(); err != nil {
			return b, fmt.Errorf("build %s (run this at the top of the source tree): %w\n%s", p.name, err, out)
		}
	}
	return b, nil
}

// start runs the named server on its processor and waits until it is ready.
func (b binaries) start(ctx context.Context, name string, o Options, dir string) (*server, error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, err
	}
	public, admin := ports[0], ports[1]
	s := &server{url: "ws://" + public + "/ws", admin: "http://" + admin, ended: make(chan struct{}), log: &process.Tail{}}
	switch name {
	case Centrifuge:
		s.args = []string{"--centrifugo"}
	case Pushd:
	default:
		s.args = []string{"--bare"}
	}
	if name != Pushd {
		s.cmd = exec.Command(b.peers, name, "--listen", public, "--admin-listen", admin)
	} else {
		args := append([]string{
			"serve", "--dev", "--listen", public, "--admin-listen", admin, "--admin-key", adminKey,
			"--rate.messages", "0", "--store", "none", // the peers have neither
		}, o.PushdArgs...)
		s.cmd = exec.Command(b.pushd, args...)
	}
	s.cmd.Dir, s.cmd.Stderr = dir, s.log
	// A server must not outlive this program, whichever way it ends.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := host.OnCPU(o.ServerCPU, s.cmd.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // how it ended matters only if it ends early, and then its log says why
	}()
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("start %s: %w\n%s", name, err, s.log)
	}
	return s, nil
}

const (
	adminKey     = "bench-key"
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+"/readyz", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				http.DefaultClient.CloseIdleConnections()
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("not ready in %v: %w", startTimeout, ctx.Err())
		}
	}
}

// stop ends the process, with force if it takes its time.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// self is this program, which is also the client.
func self() (string, error) {
	name, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return name, nil
}
