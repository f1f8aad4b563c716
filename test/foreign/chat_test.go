package foreign

import (
	"os/exec"
	"testing"

	"pushd/test/internal/serverproc"
)

// TestChat has two users of npm's ws chat, and again after the server was
// restarted with what it kept.
func TestChat(t *testing.T) {
	clients(t)
	dir := t.TempDir()
	for _, part := range []string{"before", "after"} {
		server := serverproc.Start(t, "--dev", "--data-dir", dir)
		run(t, []string{"node", "chat.mjs"}, part, "ws://"+server.Listen+"/ws", "http://"+server.Listen)
		server.Stop(t)
	}
}

// TestChatByCurl does it without a socket.
func TestChatByCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatalf("%v: run scripts/test-deps.sh, which `make test` does", err)
	}
	server := serverproc.Start(t, "--dev")
	run(t, []string{"bash", "chat.sh"}, "http://"+server.Listen)
}
