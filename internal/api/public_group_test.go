package api_test

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"

	"pushd/internal/api"
	"pushd/internal/chat"
	"pushd/internal/chat/permissiontest"
	"pushd/internal/metrics"
	"pushd/internal/push"
	"pushd/internal/store/storetest"
)

// groupDoors are both doors on groups and friends that are kept in SQLite.
type groupDoors struct {
	services      api.Services
	public, admin *fixture
}

func newGroupDoors(t *testing.T) *groupDoors {
	t.Helper()
	service := chat.New(chatPorts(storetest.Open(t, storetest.SQLite)), chat.Options{})
	d := &groupDoors{services: api.Services{Chat: service}, public: &fixture{t: t}, admin: &fixture{t: t}}
	d.public.addr, d.public.client = newPublic(t, api.PublicOptions{Services: d.services, Users: names{}})

	platforms, keys := newKeys(t)
	n := newNode("anna/web", "bert/web")
	pushes := push.New(n.ports(), platforms, push.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.admin.addr, d.admin.client = serve(t, api.NewAdmin(pushes, keys, metrics.New(1), api.AdminOptions{Groups: chat.NewGroupAdmin(service, n), Services: d.services}), ln)
	return d
}

// credentials is what an actor of the table of permissions comes with.
func credentials(prefix, actor string) string {
	switch actor {
	case "nobody":
		return ""
	case "key admin":
		return adminKey
	case "key push":
		return pushKey
	case "key read":
		return readKey
	}
	return permissiontest.User(prefix, actor)
}

// TestPermissionsOverHTTP is the table of permissions, cell by cell, over both
// doors. Left out are cells that can't be written down in HTTP: an API key has no
// path for what only users do.
func TestPermissionsOverHTTP(t *testing.T) {
	d := newGroupDoors(t)
	cells := 0
	for i, row := range permissiontest.Rows {
		t.Run(row.Name(), func(t *testing.T) {
			stages := map[string]map[string]string{} // what was saved on each
			for j, actor := range permissiontest.Actors {
				prefix := fmt.Sprintf("r%d-%s", i, row.Stage(j))
				send := func(c permissiontest.Call) (resp response, sent bool) {
					at, ok := permissiontest.Over(c.Actor, c.Action)
					if !ok {
						return response{}, false
					}
					path, body, ok := at.Request(permissiontest.Fill(c.Data, prefix, actor, stages[prefix]))
					if !ok {
						return response{}, false
					}
					door := d.public
					if !permissiontest.IsUser(c.Actor) && c.Actor != "nobody" {
						door = d.admin
					}
					return door.do(door.request(at.Method, path, credentials(prefix, c.Actor), body)), true
				}
				if stages[prefix] == nil {
					stages[prefix] = map[string]string{}
					for _, c := range permissiontest.Setting(row, actor) {
						resp, sent := send(c)
						if !sent || resp.StatusCode >= 300 {
							t.Fatalf("%s: before it, %s by %s: %s", actor, c.Action, c.Actor, resp.body)
						}
						if c.Save != "" {
							stages[prefix][c.Save] = replyField(t, resp, "id")
						}
					}
				}
				resp, sent := send(permissiontest.Call{Actor: actor, Action: row.Action, Data: row.Data})
				if !sent {
					continue
				}
				cells++
				if want := row.Code(j); want == 0 && resp.StatusCode >= 300 || want != 0 && resp.StatusCode != want {
					t.Errorf("%s is answered %d %s, want %d", actor, resp.StatusCode, resp.body, want)
				}
			}
		})
	}
	if all := len(permissiontest.Rows) * len(permissiontest.Actors); cells < all*4/5 {
		t.Errorf("only %d cells of %d were sent", cells, all)
	}
}

// exchanges sends the cases in their order, and notes which routes answered.
func (f *fixture) exchanges(t *testing.T, v *validator, answered map[string]bool, cases []described) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp := v.exchange(t, f, f.request(c.method, c.path, c.key, c.body), c.malformed)
			wantReply(t, resp, c.status, c.says)
			if resp.StatusCode < 300 {
				answered[v.last] = true
			}
		})
	}
}

func wantAnswered(t *testing.T, answered map[string]bool, routes []string) {
	t.Helper()
	for _, r := range routes {
		if !answered[r] {
			t.Errorf("no case succeeds at %s", r)
		}
	}
}

// TestGroupsOverHTTP goes through every path of groups and friends that users
// have, as public_group.yaml has it.
func TestGroupsOverHTTP(t *testing.T) {
	d := newGroupDoors(t)
	made := d.public.do(d.public.request("POST", "/api/v1/groups", "olga", `{"name":"Climbers","members":["mia"]}`))
	wantReply(t, made, 200, `"owner":"olga"`)
	var g chat.GroupInfo
	if err := json.Unmarshal([]byte(made.body), &g); err != nil {
		t.Fatal(err)
	}
	at := "/api/v1/groups/" + g.ID
	answered := map[string]bool{}
	d.public.exchanges(t, newValidator(t, api.PublicOpenAPI), answered, []described{
		{name: "create", method: "POST", path: "/api/v1/groups", key: "olga", status: 200, says: `"name":"Second"`, body: `{"name":"Second","notice":"n","avatar":"/files/a.png","join":"open","limit":20,"members":["mia"]}`},
		{name: "create with an id", method: "POST", path: "/api/v1/groups", key: "olga", malformed: true, status: 403, says: "only backends choose id", body: `{"id":"mine"}`},
		{name: "create with a typo", method: "POST", path: "/api/v1/groups", key: "olga", malformed: true, status: 400, says: "did you mean", body: `{"nam":"x"}`},
		{name: "create without a token", method: "POST", path: "/api/v1/groups", malformed: true, status: 401, body: `{}`},
		{name: "list", method: "GET", path: "/api/v1/groups?limit=1", key: "mia", status: 200, says: `"next_cursor":"`},
		{name: "list, bad cursor", method: "GET", path: "/api/v1/groups?cursor=x", key: "mia", status: 400, says: "cursor"},
		{name: "list, empty", method: "GET", path: "/api/v1/groups", key: "zoe", status: 200, says: `{"groups":[]}`},
		{name: "info", method: "GET", path: at, key: "mia", status: 200, says: `"members":2`},
		{name: "info of nothing", method: "GET", path: "/api/v1/groups/none", key: "mia", status: 404, says: "no group none"},
		{name: "update", method: "PATCH", path: at, key: "olga", status: 200, says: `"notice":"We meet."`, body: `{"notice":"We meet."}`},
		{name: "update nothing", method: "PATCH", path: at, key: "olga", status: 400, says: "nothing to change", body: `{}`},
		{name: "update, bad limit", method: "PATCH", path: at, key: "olga", status: 400, says: "limit is 1 to 10000", body: `{"limit":99999}`},
		{name: "ask to join", method: "POST", path: at + "/join", key: "zoe", status: 200, says: `{"joined":false}`, body: `{"text":"Hi"}`},
		{name: "ask to join without a body", method: "POST", path: at + "/join", key: "zack", status: 200, says: `{"joined":false}`},
		{name: "who asks", method: "GET", path: at + "/requests?limit=1", key: "olga", status: 200, says: `"requests":[{"group":"`},
		{name: "accept", method: "POST", path: at + "/requests/zoe", key: "olga", status: 204, body: `{"accept":true}`},
		{name: "accept again", method: "POST", path: at + "/requests/zoe", key: "olga", status: 404, says: "no request of zoe", body: `{"accept":true}`},
		{name: "invite", method: "POST", path: at + "/members", key: "olga", status: 200, says: `{"added":["mike"]}`, body: `{"users":["mike","mia"]}`},
		{name: "invite nobody", method: "POST", path: at + "/members", key: "olga", malformed: true, status: 400, says: "users is empty", body: `{"users":[]}`},
		{name: "role", method: "PUT", path: at + "/members/mia/role", key: "olga", status: 204, body: `{"role":"admin"}`},
		{name: "bad role", method: "PUT", path: at + "/members/mia/role", key: "olga", malformed: true, status: 400, says: "role is member or admin", body: `{"role":"king"}`},
		{name: "mute", method: "PUT", path: at + "/members/mike/mute", key: "mia", status: 200, says: `"muted_until":1`, body: `{"seconds":60}`},
		{name: "unmute", method: "PUT", path: at + "/members/mike/mute", key: "mia", status: 200, says: `"muted_until":0`, body: `{"seconds":0}`},
		{name: "remark", method: "PUT", path: at + "/remark", key: "mike", status: 204, body: `{"remark":"Mick"}`},
		{name: "members", method: "GET", path: at + "/members", key: "mike", status: 200, says: `"remark":"Mick"`},
		{name: "remove", method: "DELETE", path: at + "/members/mike", key: "mia", status: 200, says: `{"removed":["mike"]}`},
		{name: "members, removed", method: "GET", path: at + "/members", key: "mike", status: 403, says: "not a member"},
		{name: "leave", method: "POST", path: at + "/leave", key: "zoe", status: 204},
		{name: "leave, owner", method: "POST", path: at + "/leave", key: "olga", status: 409, says: "transfer or dismiss"},
		{name: "transfer", method: "POST", path: at + "/transfer", key: "olga", status: 204, body: `{"user":"mia"}`},
		{name: "dismiss", method: "DELETE", path: at, key: "mia", status: 204},
		{name: "dismiss again", method: "DELETE", path: at, key: "mia", status: 404},

		{name: "befriend", method: "POST", path: "/api/v1/friends", key: "anna", status: 200, says: `"state":"asked"`, body: `{"user":"bert","text":"Hi"}`},
		{name: "befriend oneself", method: "POST", path: "/api/v1/friends", key: "anna", status: 400, says: "your own id", body: `{"user":"anna"}`},
		{name: "friends", method: "GET", path: "/api/v1/friends?state=asking", key: "bert", status: 200, says: `"state":"asking","text":"Hi"`},
		{name: "friends, bad state", method: "GET", path: "/api/v1/friends?state=enemy", key: "bert", malformed: true, status: 400, says: "state is"},
		{name: "friends of another", method: "GET", path: "/api/v1/friends?as=bert", key: "anna", status: 403, says: "can't act as bert"},
		{name: "accept friend", method: "POST", path: "/api/v1/friends/anna/accept", key: "bert", status: 200, says: `"state":"friend"`},
		{name: "remark friend", method: "PUT", path: "/api/v1/friends/anna/remark", key: "bert", status: 200, says: `"remark":"Ann"`, body: `{"remark":"Ann"}`},
		{name: "block", method: "PUT", path: "/api/v1/friends/anna/block", key: "bert", status: 200, says: `"blocked":true`},
		{name: "unblock", method: "PUT", path: "/api/v1/friends/anna/block", key: "bert", status: 200, body: `{"on":false}`},
		{name: "remove friend", method: "DELETE", path: "/api/v1/friends/anna", key: "bert", status: 204},
		{name: "remove friend again", method: "DELETE", path: "/api/v1/friends/anna", key: "bert", status: 404},
		{name: "befriend again", method: "POST", path: "/api/v1/friends", key: "anna", status: 200, body: `{"user":"bert"}`},
		{name: "refuse friend", method: "POST", path: "/api/v1/friends/anna/refuse", key: "bert", status: 204},
	})
	wantAnswered(t, answered, api.GroupRoutes(d.services))
}

// TestGroupsOverAdminHTTP goes through every path that backends have, as
// admin.yaml has it. The groups are kept, also those made by PUT and from-online.
func TestGroupsOverAdminHTTP(t *testing.T) {
	d := newGroupDoors(t)
	v, answered := newValidator(t, api.AdminOpenAPI), map[string]bool{}
	d.admin.exchanges(t, v, answered, []described{
		{name: "create", method: "POST", path: "/api/groups", key: adminKey, status: 200, says: `"id":"climbers","conv":"g:climbers"`, body: `{"id":"climbers","name":"Climbers","owner":"olga","join":"approval","limit":1000,"members":["mia","mike"]}`},
		{name: "create again", method: "POST", path: "/api/groups", key: adminKey, status: 409, says: "already", body: `{"id":"climbers"}`},
		{name: "create with another scope", method: "POST", path: "/api/groups", key: pushKey, status: 403, says: "admin", body: `{}`},
		{name: "put", method: "PUT", path: "/api/groups/team", key: adminKey, status: 200, says: `{"group":"team","size":2}`, body: `{"users":["mia","mike"]}`},
		{name: "put again", method: "PUT", path: "/api/groups/team", key: adminKey, status: 200, says: `{"group":"team","size":1}`, body: `{"users":["mia"]}`},
		{name: "get", method: "GET", path: "/api/groups/team", key: adminKey, status: 200, says: `{"group":"team","size":1,"users":["mia"]}`},
		{name: "get nothing", method: "GET", path: "/api/groups/none", key: adminKey, status: 404, says: "no group none"},
		{name: "from online", method: "POST", path: "/api/groups/from-online", key: adminKey, status: 200, says: `{"group":"team","size":3}`, body: `{"group":"team"}`},
		{name: "delete", method: "DELETE", path: "/api/groups/team", key: adminKey, status: 204},
		{name: "delete again", method: "DELETE", path: "/api/groups/team", key: adminKey, status: 404},
		{name: "list", method: "GET", path: "/api/groups?limit=10", key: adminKey, status: 200, says: `"groups":[{"id":"climbers"`},
		{name: "list of a user", method: "GET", path: "/api/groups?user=zoe", key: adminKey, status: 200, says: `{"groups":[]}`},
		{name: "list with another scope", method: "GET", path: "/api/groups", key: readKey, status: 403, says: "admin"},
		{name: "info", method: "GET", path: "/api/groups/climbers/info", key: adminKey, status: 200, says: `"members":3`},
		{name: "update", method: "PATCH", path: "/api/groups/climbers", key: adminKey, status: 200, says: `"limit":50000`, body: `{"limit":50000}`},
		{name: "members", method: "GET", path: "/api/groups/climbers/members?limit=2", key: adminKey, status: 200, says: `"next_cursor":"`},
		{name: "add", method: "POST", path: "/api/groups/climbers/members", key: adminKey, status: 200, says: `{"added":["zoe"]}`, body: `{"users":["zoe","mia"]}`},
		{name: "remove", method: "POST", path: "/api/groups/climbers/remove", key: adminKey, status: 200, says: `{"removed":["zoe"]}`, body: `{"users":["zoe","nobody"]}`},
		{name: "remove the owner", method: "POST", path: "/api/groups/climbers/remove", key: adminKey, status: 409, says: "olga owns", body: `{"users":["mia","olga"]}`},
		{name: "remove one", method: "DELETE", path: "/api/groups/climbers/members/mike", key: adminKey, status: 200, says: `{"removed":["mike"]}`},
		{name: "role", method: "PUT", path: "/api/groups/climbers/members/mia/role", key: adminKey, status: 204, body: `{"role":"admin"}`},
		{name: "mute", method: "PUT", path: "/api/groups/climbers/members/mia/mute", key: adminKey, status: 200, says: `"muted_until":1`, body: `{"seconds":60}`},
		{name: "remark", method: "PUT", path: "/api/groups/climbers/members/mia/remark", key: adminKey, status: 204, body: `{"remark":"Mimi"}`},
		{name: "transfer", method: "POST", path: "/api/groups/climbers/transfer", key: adminKey, status: 204, body: `{"user":"mia"}`},
		{name: "transfer to a stranger", method: "POST", path: "/api/groups/climbers/transfer", key: adminKey, status: 404, body: `{"user":"nobody"}`},
		{name: "requests", method: "GET", path: "/api/groups/climbers/requests", key: adminKey, status: 200, says: `{"requests":[]}`},
	})
	wantReply(t, d.public.do(d.public.request("POST", "/api/v1/groups/climbers/join", "zack", "")), 200, `"joined":false`)
	d.admin.exchanges(t, v, answered, []described{
		{name: "answer", method: "POST", path: "/api/groups/climbers/requests/zack", key: adminKey, status: 204, body: `{"accept":true}`},
		{name: "answer again", method: "POST", path: "/api/groups/climbers/requests/zack", key: adminKey, status: 404, body: `{"accept":true}`},
		{name: "ask", method: "POST", path: "/api/users/anna/friends", key: adminKey, status: 200, says: `"state":"asked"`, body: `{"user":"bert"}`},
		{name: "ask oneself", method: "POST", path: "/api/users/anna/friends", key: adminKey, status: 400, says: "your own id", body: `{"user":"anna"}`},
		{name: "ask with another scope", method: "POST", path: "/api/users/anna/friends", key: pushKey, status: 403, says: "admin", body: `{"user":"bert"}`},
		{name: "friends", method: "GET", path: "/api/users/bert/friends?state=asking&limit=5", key: adminKey, status: 200, says: `"user":"anna"`},
		{name: "accept", method: "POST", path: "/api/users/bert/friends/anna/accept", key: adminKey, status: 200, says: `"state":"friend"`},
		{name: "remark friend", method: "PUT", path: "/api/users/bert/friends/anna/remark", key: adminKey, status: 200, says: `"remark":"Ann"`, body: `{"remark":"Ann"}`},
		{name: "block", method: "PUT", path: "/api/users/bert/friends/anna/block", key: adminKey, status: 200, says: `"blocked":true`, body: `{"on":true}`},
		{name: "unblock", method: "PUT", path: "/api/users/bert/friends/anna/block", key: adminKey, status: 200, body: `{"on":false}`},
		{name: "unfriend", method: "DELETE", path: "/api/users/bert/friends/anna", key: adminKey, status: 204},
		{name: "unfriend again", method: "DELETE", path: "/api/users/bert/friends/anna", key: adminKey, status: 404},
		{name: "ask again", method: "POST", path: "/api/users/anna/friends", key: adminKey, status: 200, body: `{"user":"bert"}`},
		{name: "refuse", method: "POST", path: "/api/users/bert/friends/anna/refuse", key: adminKey, status: 204},
	})
	wantAnswered(t, answered, api.GroupAdminRoutes(d.services))
}
