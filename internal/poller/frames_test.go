package poller_test

import (
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"pushd/internal/poller"
)

func TestEcho(t *testing.T) {
	s := start(t, hooks{message: echo}, poller.Options{})
	c := s.open()
	for _, m := range []string{"", "a", strings.Repeat("b", 125), strings.Repeat("c", 126), strings.Repeat("d", 65535), strings.Repeat("é", 32768), "日本語"} {
		c.send(text(m))
		c.expect(m)
	}
	c.send(frame(true, ws.OpClose, ws.NewCloseFrameBody(1000, "bye")))
	c.expectClose(1000)
}
