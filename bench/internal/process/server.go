package process

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"time"

	"pushd/bench/internal/admin"
)

// Server is a server under test that was ready when it was handed out.
type Server struct {
	*Process
	Listen   string // host:port of its public listener
	AdminURL string
	Admin    *admin.Client

	stopIn time.Duration
}

// ServerOptions say which server is started and how.
type ServerOptions struct {
	Name            string                               // of the server, in errors
	Command         func(listen, admin string) *exec.Cmd // given the addresses that it has to listen on
	AdminKey        string                               // that it was told in Command
	Launch          func(start func() error) error       // as in Options
	ReadyIn, StopIn time.Duration                        // how long it may take to start, and to end
}

// StartServer starts a server on two free ports and waits until it is ready.
func StartServer(ctx context.Context, o ServerOptions) (*Server, error) {
	s, err := startServer(o)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Name, err)
	}
	if err := s.WaitReady(ctx, o.ReadyIn, s.Admin.Ready); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start %s: %w\n%s", o.Name, err, s.Log())
	}
	return s, nil
}

func startServer(o ServerOptions) (*Server, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s := &Server{Listen: ports[0], AdminURL: "http://" + ports[1], stopIn: o.StopIn}
	if s.Admin, err = admin.New(s.AdminURL, o.AdminKey); err != nil {
		return nil, err
	}
	s.Process, err = Start(o.Command(ports[0], ports[1]), Options{Launch: o.Launch})
	return s, err
}

// Stop ends the server, with force if it takes its time.
func (s *Server) Stop() {
	s.Process.Stop(s.stopIn, s.Terminate)
	s.Admin.Close()
}

// freePorts are loopback addresses nobody listens on at the moment. A client that
// connects from another source address can't take one of them before a server does.
func freePorts(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // not before all are found, or the same one comes twice
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}
