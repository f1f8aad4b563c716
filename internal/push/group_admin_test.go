package push_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestGroups(t *testing.T) {
	n := newNode()
	var log bytes.Buffer
	g := n.groupAdmin(logged(&log))
	ctx := t.Context()
	user, spoil := borrowed("bob")
	size := ok(g.SetGroup(ctx, admin, "team", []string{user, "alice", user}))(t)
	spoil()
	if size != 2 {
		t.Errorf("size %d", size)
	}
	if got := ok(g.GroupUsers(ctx, admin, "team"))(t); !slices.Equal(got, []string{"alice", "bob"}) {
		t.Errorf("members %q", got)
	}
	n.Logout(n.Sessions()...)
	n.set("carol", "web")
	if size := ok(g.AddOnline(ctx, admin, "now"))(t); size != 1 {
		t.Errorf("size %d", size)
	}
	check(t, g.DeleteGroup(ctx, admin, "team"))
	wantCode(t, g.DeleteGroup(ctx, admin, "team"), 404, "no group team")
	_, err := g.GroupUsers(ctx, admin, "team")
	wantCode(t, err, 404, "no group team")
	_, err = g.SetGroup(ctx, admin, "team", nil)
	wantCode(t, err, 400, "users is missing")
	_, err = g.SetGroup(ctx, admin, "team", []string{""})
	wantCode(t, err, 400, "")
	for _, bad := range []string{"", "$x", "a\tb"} {
		_, err = g.SetGroup(ctx, admin, bad, []string{})
		wantCode(t, err, 400, "group")
		_, err = g.GroupUsers(ctx, admin, bad)
		wantCode(t, err, 400, "group")
		_, err = g.AddOnline(ctx, admin, bad)
		wantCode(t, err, 400, "group")
		wantCode(t, g.DeleteGroup(ctx, admin, bad), 400, "group")
	}
	for _, line := range []string{
		`msg="group changed" operation=group.set key=ops group=team size=2`,
		`msg="group changed" operation=group.add_online key=ops group=now size=1`,
		`msg="group changed" operation=group.delete key=ops group=team size=0`,
	} {
		if strings.Count(log.String(), line) != 1 {
			t.Errorf("the log has not %q once:\n%s", line, &log)
		}
	}
}
