package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

func TestGroupCreate(t *testing.T) {
	p := newPeople(t, chat.Options{GroupLimit: 7, MaxGroup: 9, GroupsOwned: 2, GroupsIn: 3}, "olga/web", "olga/ios", "mia/web")
	ctx := t.Context()
	olga := as("olga")
	g := ok(p.GroupCreate(ctx, olga, chat.GroupCreateRequest{Name: "Climbers ⛰️", Notice: "one\ntwo", Avatar: "/files/a.png", Members: []string{"mia", "mike", "mia"}}))(t)
	if g.ID == "" || g.Conv != "g:"+g.ID || g.Owner != "olga" || g.Join != chat.JoinApproval || g.Limit != 7 || g.Members != 3 || g.Created == 0 {
		t.Errorf("made %+v", g)
	}
	joined := fmt.Sprintf(`group.Joined {"group":%q,"conv":%q,"users":["mia","mike","olga"],"count":3,"by":"olga"}`, g.ID, g.Conv)
	got := p.node.Take("mia/web")
	if len(got) != 2 || got[0].Name+" "+string(got[0].Data) != joined || got[1].Name != "chat.Message" {
		t.Errorf("mia got %s", got)
	}
	// The session that made it has its reply, and the notice; the other one is told.
	if own, other := p.node.Take("olga/web"), p.node.Take("olga/ios"); len(own) != 1 || own[0].Name != "chat.Message" || len(other) != 2 {
		t.Errorf("olga's sessions got %s and %s", own, other)
	}
	long := func(n int) string { return strings.Repeat("é", n) }
	for name, c := range map[string]struct {
		r    chat.GroupCreateRequest
		code int
		says string
	}{
		"long name":      {chat.GroupCreateRequest{Name: long(65)}, 400, "name has at most 64 characters, not 65"},
		"line in a name": {chat.GroupCreateRequest{Name: "a\nb"}, 400, `name can't have the character '\n'`},
		"long notice":    {chat.GroupCreateRequest{Notice: long(1001)}, 400, "notice"},
		"NUL":            {chat.GroupCreateRequest{Notice: "\x00"}, 400, "notice"},
		"avatar":         {chat.GroupCreateRequest{Avatar: "javascript:alert(1)"}, 400, "avatar"},
		"join":           {chat.GroupCreateRequest{Join: "never"}, 400, "open, approval or invite"},
		"limit":          {chat.GroupCreateRequest{Limit: 10}, 400, "limit is 1 to 9"},
		"negative limit": {chat.GroupCreateRequest{Limit: -1}, 400, "limit is 1 to 9"},
		"bad member":     {chat.GroupCreateRequest{Members: []string{"a b"}}, 400, "user id"},
		"full":           {chat.GroupCreateRequest{Limit: 2, Members: []string{"a", "b"}}, 429, "full"},
		"too many named": {chat.GroupCreateRequest{Members: make([]string, chat.MaxInvited+1)}, 413, "members has at most 1000"},
	} {
		_, err := p.GroupCreate(ctx, olga, c.r)
		t.Run(name, func(t *testing.T) { wantCode(t, err, c.code, c.says) })
	}
	for name, c := range map[string]struct {
		r    chat.GroupCreateRequest
		says string
	}{
		"id":    {chat.GroupCreateRequest{ID: "$x"}, "a group's id"},
		"owner": {chat.GroupCreateRequest{Owner: "a b"}, "user id"},
		"limit": {chat.GroupCreateRequest{Limit: chat.MaxBackendGroup + 1}, "limit is 1 to 100000"},
	} {
		_, err := p.GroupCreate(ctx, admin, c.r)
		t.Run("backend, "+name, func(t *testing.T) { wantCode(t, err, 400, c.says) })
	}

	ok(p.GroupCreate(ctx, olga, chat.GroupCreateRequest{}))(t)
	_, err := p.GroupCreate(ctx, olga, chat.GroupCreateRequest{})
	wantCode(t, err, 429, "olga owns 2 groups already")
	ok(p.GroupCreate(ctx, admin, chat.GroupCreateRequest{Owner: "olga"}))(t) // a backend knows what it does
	ok(p.GroupCreate(ctx, as("anna"), chat.GroupCreateRequest{Members: []string{"mia"}}))(t)
	ok(p.GroupCreate(ctx, as("anna"), chat.GroupCreateRequest{Members: []string{"mia"}}))(t)
	_, err = p.GroupCreate(ctx, as("zoe"), chat.GroupCreateRequest{Members: []string{"mia"}})
	wantCode(t, err, 429, "mia is in 3 groups already")
}

func TestJoiningAndLeavingIsTold(t *testing.T) {
	p := newPeople(t, chat.Options{}, "olga/web", "adam/web", "mia/web", "mia/ios", "mike/web", "zoe/web")
	ctx := t.Context()
	p.team(chat.JoinOpen)
	if rep := ok(p.GroupJoin(ctx, as("zoe"), chat.GroupJoinRequest{Group: "team"}))(t); !rep.Joined {
		t.Error("zoe is not in an open group")
	}
	p.wantMembers("adam", "mia", "mike", "olga", "zoe")
	p.wantNotices("joined zoe 1 zoe")
	const joined = `group.Joined {"group":"team","conv":"g:team","users":["zoe"],"count":1,"by":"zoe"}`
	if got := p.node.Take("mia/ios"); len(got) != 2 || got[0].Name+" "+string(got[0].Data) != joined || got[1].Name != "chat.Message" {
		t.Errorf("mia got %s", got)
	}
	p.quiet()
	ok(p.GroupJoin(ctx, as("zoe"), chat.GroupJoinRequest{Group: "team"}))(t) // is in already
	p.wantPushes("mia/web")

	ok(p.GroupLeave(ctx, as("zoe"), chat.GroupRef{Group: "team"}))(t)
	p.wantNotices("left zoe 1 zoe")
	const left = `group.Left {"group":"team","conv":"g:team","users":["zoe"],"count":1,"event":"left","by":"zoe"}`
	if got := p.node.Take("olga/web"); len(got) != 2 || got[0].Name+" "+string(got[0].Data) != left {
		t.Errorf("olga got %s", got)
	}
	p.wantPushes("zoe/web") // asked for it and has the reply
	p.quiet()

	ok(p.GroupInvite(ctx, as("mia"), chat.GroupUsersRequest{Group: "team", Users: []string{"zoe", "mike"}}))(t)
	p.wantNotices("joined zoe 1 mia")
	p.quiet()
	rep := ok(p.GroupRemove(ctx, as("adam"), chat.GroupRemoveRequest{Group: "team", Users: []string{"zoe", "mike", "nobody"}}))(t)
	if !slices.Equal(rep.Removed, []string{"mike", "zoe"}) {
		t.Errorf("removed %q", rep.Removed)
	}
	p.wantNotices("removed mike,zoe 2 adam")
	// Those who are out are told so, and see nothing more.
	p.wantPushes("zoe/web", `group.Left {"group":"team","conv":"g:team","users":["zoe"],"count":1,"event":"removed","by":"adam"}`)
	p.quiet()
	ok(p.Send(ctx, as("mia"), text("group:team", "are they gone?")))(t)
	p.wantPushes("zoe/web")
	p.wantPushes("mike/web")
	if got := p.node.Take("olga/web"); len(got) != 1 || got[0].Name != "chat.Message" {
		t.Errorf("olga got %s", got)
	}
	_, err := p.History(ctx, as("zoe"), chat.HistoryRequest{To: "group:team"})
	wantCode(t, err, 403, "not a member")
	_, err = p.GroupLeave(ctx, as("olga"), chat.GroupRef{Group: "team"})
	wantCode(t, err, 409, "transfer or dismiss")
	_, err = p.GroupRemove(ctx, as("olga"), chat.GroupRemoveRequest{Group: "team"})
	wantCode(t, err, 400, "users is empty")
}

func TestJoinByApproval(t *testing.T) {
	p := newPeople(t, chat.Options{}, "olga/web", "adam/web", "mia/web", "mike/web", "zoe/web")
	ctx := t.Context()
	p.team(chat.JoinApproval)
	for range 2 { // asking again bothers nobody
		if rep := ok(p.GroupJoin(ctx, as("zoe"), chat.GroupJoinRequest{Group: "team", Text: "please"}))(t); rep.Joined {
			t.Error("zoe is in without approval")
		}
	}
	const asked = `group.Requested {"group":"team","conv":"g:team","user":"zoe","text":"please","time":1793000000000}`
	p.wantPushes("olga/web", asked)
	p.wantPushes("adam/web", asked)
	p.wantPushes("mia/web")
	page := ok(p.GroupRequests(ctx, as("adam"), chat.GroupPageRequest{Group: "team"}))(t)
	if len(page.Requests) != 1 || page.Requests[0].User != "zoe" || page.Requests[0].Text != "please" || page.NextCursor != "" {
		t.Errorf("requests %+v", page)
	}
	ok(p.GroupAnswer(ctx, as("adam"), chat.GroupAnswerRequest{Group: "team", User: "zoe"}))(t)
	p.wantPushes("zoe/web", `group.Refused {"group":"team","conv":"g:team","by":"adam"}`)
	_, err := p.GroupAnswer(ctx, as("adam"), chat.GroupAnswerRequest{Group: "team", User: "zoe", Accept: true})
	wantCode(t, err, 404, "no request of zoe")

	// A request can be taken back.
	ok(p.GroupJoin(ctx, as("zoe"), chat.GroupJoinRequest{Group: "team"}))(t)
	ok(p.GroupLeave(ctx, as("zoe"), chat.GroupRef{Group: "team"}))(t)
	_, err = p.GroupLeave(ctx, as("zoe"), chat.GroupRef{Group: "team"})
	wantCode(t, err, 403, "not a member")

	ok(p.GroupJoin(ctx, as("zoe"), chat.GroupJoinRequest{Group: "team"}))(t)
	p.quiet()
	ok(p.GroupAnswer(ctx, as("olga"), chat.GroupAnswerRequest{Group: "team", User: "zoe", Accept: true}))(t)
	p.wantMembers("adam", "mia", "mike", "olga", "zoe")
	p.wantNotices("joined zoe 1 olga")
	if got := p.node.Take("zoe/web"); len(got) != 2 || got[0].Name != "group.Joined" {
		t.Errorf("zoe got %s", got)
	}
	_, err = p.GroupJoin(ctx, as("zack"), chat.GroupJoinRequest{Group: "team", Text: strings.Repeat("x", 201)})
	wantCode(t, err, 400, "text has at most 200")
}

func TestGroupChangesAreTold(t *testing.T) {
	p := newPeople(t, chat.Options{}, "olga/web", "adam/web", "mia/web", "mike/web")
	ctx := t.Context()
	p.team(chat.JoinInvite)
	name, muted := "Other", true
	g := ok(p.GroupUpdate(ctx, as("adam"), chat.GroupUpdateRequest{Group: "team", GroupChange: chat.GroupChange{Name: &name, Muted: &muted}}))(t)
	if g.Name != name || !g.Muted || g.Members != 4 {
		t.Errorf("changed to %+v", g)
	}
	p.wantPushes("mia/web", `group.Changed {"group":"team","conv":"g:team","by":"adam","info":{"id":"team","conv":"g:team","name":"Other","owner":"olga","join":"invite","muted":true,"members":4,"limit":6,"created":1793000000000}}`)
	p.wantPushes("adam/web")
	_, err := p.GroupUpdate(ctx, as("olga"), chat.GroupUpdateRequest{Group: "team"})
	wantCode(t, err, 400, "nothing to change")
	limit := 3
	_, err = p.GroupUpdate(ctx, as("olga"), chat.GroupUpdateRequest{Group: "team", GroupChange: chat.GroupChange{Limit: &limit}})
	wantCode(t, err, 409, "4 members already")
	p.quiet()

	member := func(rest string) string {
		return `group.Changed {"group":"team","conv":"g:team","by":"olga","member":{"user":"mia",` + rest + `}}`
	}
	ok(p.GroupSetRole(ctx, as("olga"), chat.GroupRoleRequest{Group: "team", User: "mia", Role: chat.RoleAdmin}))(t)
	rep := ok(p.GroupMute(ctx, as("olga"), chat.GroupMuteRequest{Group: "team", User: "mia", Seconds: 60}))(t)
	if rep.MutedUntil != 1793000060000 {
		t.Errorf("muted until %d", rep.MutedUntil)
	}
	_, err = p.Send(ctx, as("mia"), text("group:team", "mmm"))
	wantCode(t, err, 403, "muted in this group until")
	ok(p.GroupMute(ctx, as("olga"), chat.GroupMuteRequest{Group: "team", User: "mia"}))(t)
	ok(p.GroupSetRole(ctx, as("olga"), chat.GroupRoleRequest{Group: "team", User: "mia", Role: chat.RoleMember}))(t)
	p.wantPushes("mike/web",
		member(`"role":"admin","join_seq":0,"read_seq":0,"since":1793000000000`),
		member(`"role":"admin","join_seq":0,"read_seq":0,"muted_until":1793000060000,"since":1793000000000`),
		member(`"role":"admin","join_seq":0,"read_seq":0,"since":1793000000000`),
		member(`"role":"member","join_seq":0,"read_seq":0,"since":1793000000000`))
	p.quiet()
	ok(p.GroupRemark(ctx, as("mia"), chat.GroupRemarkRequest{Group: "team", Remark: "Mimi"}))(t)
	p.wantPushes("mike/web", `group.Changed {"group":"team","conv":"g:team","by":"mia","member":{"user":"mia","role":"member","join_seq":0,"read_seq":0,"remark":"Mimi","since":1793000000000}}`)
	for _, seconds := range []int64{-1, chat.MaxMuteSeconds + 1} {
		_, err = p.GroupMute(ctx, as("olga"), chat.GroupMuteRequest{Group: "team", User: "mia", Seconds: seconds})
		wantCode(t, err, 400, "seconds is 0 to")
	}
	_, err = p.GroupSetRole(ctx, as("olga"), chat.GroupRoleRequest{Group: "team", User: "mia"})
	wantCode(t, err, 400, "role is missing")
	_, err = p.GroupSetRole(ctx, as("olga"), chat.GroupRoleRequest{Group: "team", User: "mia", Role: chat.RoleOwner})
	wantCode(t, err, 400, "transfer")

	p.quiet()
	ok(p.GroupTransfer(ctx, as("olga"), chat.GroupUserRequest{Group: "team", User: "mia"}))(t)
	if got := p.node.Take("mike/web"); len(got) != 1 || !strings.Contains(string(got[0].Data), `"owner":"mia"`) {
		t.Errorf("mike got %s", got)
	}
	members := ok(p.GroupMembers(ctx, as("mike"), chat.GroupPageRequest{Group: "team", Limit: 2}))(t)
	rest := ok(p.GroupMembers(ctx, as("mike"), chat.GroupPageRequest{Group: "team", Limit: 2, Cursor: members.NextCursor}))(t)
	var roles []string
	for _, m := range append(members.Members, rest.Members...) {
		roles = append(roles, m.User+" "+m.Role.String())
	}
	if !slices.Equal(roles, []string{"adam admin", "mia owner", "mike member", "olga admin"}) {
		t.Errorf("roles %q", roles)
	}
	_, err = p.GroupDismiss(ctx, as("olga"), chat.GroupRef{Group: "team"})
	wantCode(t, err, 403, "only the owner")
	ok(p.GroupDismiss(ctx, as("mia"), chat.GroupRef{Group: "team"}))(t)
	p.wantPushes("mike/web", `group.Dismissed {"group":"team","conv":"g:team","by":"mia"}`)
	if n := p.groups.Groups(); n != 0 {
		t.Error("the members of a dismissed group are held")
	}
	_, err = p.GroupInfo(ctx, as("mike"), chat.GroupRef{Group: "team"})
	wantCode(t, err, 404, "no group team")
	_, err = p.History(ctx, as("mike"), chat.HistoryRequest{Conv: "g:team"})
	wantCode(t, err, 403, "")
}

func TestGroupInfoAndLists(t *testing.T) {
	p := newPeople(t, chat.Options{})
	ctx := t.Context()
	p.team(chat.JoinOpen)
	notice := "for members"
	ok(p.GroupUpdate(ctx, admin, chat.GroupUpdateRequest{Group: "team", GroupChange: chat.GroupChange{Notice: &notice}}))(t)
	if g := ok(p.GroupInfo(ctx, as("mia"), chat.GroupRef{Group: "team"}))(t); g.Notice != notice {
		t.Errorf("a member sees %+v", g)
	}
	if g := ok(p.GroupInfo(ctx, as("zoe"), chat.GroupRef{Group: "team"}))(t); g.Notice != "" || g.Name != "The team" {
		t.Errorf("a stranger sees %+v", g)
	}
	ok(p.GroupCreate(ctx, admin, chat.GroupCreateRequest{ID: "alone"}))(t)
	for name, c := range map[string]struct {
		id   account.Identity
		r    chat.GroupListRequest
		want []string
	}{
		"own":             {as("mia"), chat.GroupListRequest{Limit: -5}, []string{"team"}},
		"own, by name":    {as("mia"), chat.GroupListRequest{User: "mia", Limit: 9999}, []string{"team"}},
		"none":            {as("zoe"), chat.GroupListRequest{}, nil},
		"all":             {admin, chat.GroupListRequest{}, []string{"alone", "team"}},
		"those of a user": {admin, chat.GroupListRequest{User: "mia"}, []string{"team"}},
	} {
		var got []string
		rep := ok(p.GroupList(ctx, c.id, c.r))(t)
		for _, g := range rep.Groups {
			got = append(got, g.ID)
		}
		if rep.Groups == nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	_, err := p.GroupList(ctx, as("mia"), chat.GroupListRequest{Cursor: "x"})
	wantCode(t, err, 400, "cursor")
	for _, bad := range []string{"", "$x", "a\tb", strings.Repeat("x", 129)} {
		_, err := p.GroupInfo(ctx, as("mia"), chat.GroupRef{Group: bad})
		wantCode(t, err, 400, "a group's id")
	}
}

// TestWhatCantBeToldIsDone: the node takes no deliveries, and the group changes
// all the same.
func TestWhatCantBeToldIsDone(t *testing.T) {
	p := newPeople(t, chat.Options{}, "olga/web")
	ctx := t.Context()
	p.team(chat.JoinOpen)
	p.node.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		return delivery.Receipt{}, errors.New("the loops are full")
	}
	ok(p.GroupJoin(ctx, as("zoe"), chat.GroupJoinRequest{Group: "team"}))(t)
	p.wantMembers("adam", "mia", "mike", "olga", "zoe")
	if !strings.Contains(p.log.String(), "the loops are full") {
		t.Errorf("log: %s", p.log)
	}
}

// unsure removes members and says that it can't tell.
type unsure struct{ chat.Store }

// RemoveMembers implements chat.Groups.
func (u unsure) RemoveMembers(ctx context.Context, id string, users []string, below chat.Role) (delivery.MemberChange, error) {
	_, err := u.Store.RemoveMembers(ctx, id, users, below)
	return delivery.MemberChange{}, errors.Join(codec.Errorf(codec.CodeUnavailable, "the database went away"), err)
}

// TestAChangeThatMayHaveHappened: after an error of the database the live copy is
// not believed any more.
func TestAChangeThatMayHaveHappened(t *testing.T) {
	p := newPeople(t, chat.Options{}, "olga/web", "mia/web")
	p.team(chat.JoinOpen)
	ctx := t.Context()
	s := chat.New(p.ports(unsure{p.store}), chat.Options{})
	ok(s.Send(ctx, as("olga"), text("group:team", "hello")))(t)
	p.quiet()
	_, err := s.GroupRemove(ctx, admin, chat.GroupRemoveRequest{Group: "team", User: "mia"})
	wantCode(t, err, 503, "went away")
	p.quiet()
	ok(s.Send(ctx, as("olga"), text("group:team", "hi")))(t)
	p.wantPushes("mia/web")
}

func TestRoleNames(t *testing.T) {
	for role, name := range map[chat.Role]string{chat.RoleMember: "member", chat.RoleAdmin: "admin", chat.RoleOwner: "owner"} {
		var back chat.Role
		if err := back.UnmarshalText([]byte(name)); err != nil || back != role || role.String() != name {
			t.Errorf("%d is %q, and %q is %d: %v", role, role, name, back, err)
		}
	}
	var r chat.Role
	wantCode(t, r.UnmarshalText([]byte("king")), 400, `role is member or admin, not "king"`)
	wantCode(t, r.UnmarshalText(nil), 400, "role")
	if chat.Role(0).String() != "" || chat.Role(99).String() != "" {
		t.Error("what is no role has a name")
	}
}

// TestGroupIsMadeAgain: what goes to a group reaches those who are in it now, not
// those who were in a dismissed one of the same id.
func TestGroupIsMadeAgain(t *testing.T) {
	p := newPeople(t, chat.Options{}, "mia/web", "mike/web")
	ctx := t.Context()
	send := func() chat.SendRequest {
		return chat.SendRequest{To: "group:team", Body: chat.Body{Type: "text", Text: "hello"}}
	}
	create := func(members ...string) {
		t.Helper()
		ok(p.GroupCreate(ctx, admin, chat.GroupCreateRequest{ID: "team", Name: "Team", Owner: "olga", Members: members}))(t)
	}
	create("mia")
	ok(p.GroupInvite(ctx, admin, chat.GroupUsersRequest{Group: "team", Users: []string{"zoe"}}))(t)
	ok(p.Send(ctx, as("olga"), send()))(t) // its members are held from here on
	ok(p.GroupDismiss(ctx, as("olga"), chat.GroupRef{Group: "team"}))(t)
	create("mike")
	p.quiet()
	ok(p.Send(ctx, as("olga"), send()))(t)
	if got := len(p.node.Take("mike/web")); got != 1 {
		t.Errorf("a member of the group gets %d messages, want 1", got)
	}
	if got := len(p.node.Take("mia/web")); got != 0 {
		t.Errorf("a member of the former group gets %d messages", got)
	}
}

// TestListsFitAReply: a list of what is long comes in shorter pages, with nothing left
// out, so that a reply never fills the client's send buffer.
func TestListsFitAReply(t *testing.T) {
	const groups, most = 150, 128 << 10
	p := newPeople(t, chat.Options{})
	ctx := t.Context()
	notice := strings.Repeat("ж", 1000)
	for i := range groups {
		ok(p.GroupCreate(ctx, admin, chat.GroupCreateRequest{
			ID: fmt.Sprintf("g%03d", i), Name: "Group", Notice: notice, Owner: "olga",
		}))(t)
	}
	for name, id := range map[string]account.Identity{"a user's": as("olga"), "all": admin} {
		seen, cursor := 0, ""
		for pages := 0; pages == 0 || cursor != ""; pages++ {
			page := ok(p.GroupList(ctx, id, chat.GroupListRequest{Limit: 200, Cursor: cursor}))(t)
			text, err := json.Marshal(page)
			if err != nil || len(text) > most {
				t.Errorf("%s: a page has %d bytes, %v", name, len(text), err)
			}
			seen, cursor = seen+len(page.Groups), page.NextCursor
		}
		if seen != groups {
			t.Errorf("%s: %d groups are listed, want %d", name, seen, groups)
		}
	}
}
