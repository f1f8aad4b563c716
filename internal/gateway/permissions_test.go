package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"pushd/internal/chat"
	"pushd/internal/chat/permissiontest"
	"pushd/internal/store/storetest"
)

// TestPermissionsOverTheSocket is the table of permissions, cell by cell, over
// WebSockets. Left out are cells of API keys, which no socket has. What a cell waits
// for is the disk, so many rows are sent at a time, and share commits.
func TestPermissionsOverTheSocket(t *testing.T) {
	n := start(t, setup{chat: storetest.Open(t, storetest.SQLite)})
	var cells atomic.Int32
	var rows errgroup.Group
	rows.SetLimit(16)
	for i, row := range permissiontest.Rows {
		run := func(t *testing.T) {
			clients := map[string]*client{}
			send := func(prefix, actor, action, data string) frame {
				key := actor
				if actor != "nobody" {
					key = permissiontest.User(prefix, actor)
				}
				c := clients[key]
				if c == nil {
					if c = n.dial(); actor != "nobody" {
						c.ok("robot", "Login", `{"UserId":"`+key+`","PlatId":"1"}`)
					}
					clients[key] = c
				}
				module, name, _ := strings.Cut(action, ".")
				return c.call(module, name, data)
			}
			stages := map[string]map[string]string{} // what was saved on each
			for j, actor := range permissiontest.Actors {
				if !permissiontest.IsUser(actor) && actor != "nobody" {
					continue
				}
				prefix := fmt.Sprintf("r%d-%s", i, row.Stage(j))
				setting := permissiontest.Setting(row, actor)
				if stages[prefix] == nil {
					stages[prefix] = map[string]string{}
					for _, c := range setting {
						data := permissiontest.Fill(c.Data, prefix, actor, stages[prefix])
						if !permissiontest.IsUser(c.Actor) {
							create(t, n, c, data)
							continue
						}
						f := send(prefix, c.Actor, c.Action, data)
						if *f.Code != 0 {
							t.Fatalf("%s: before it, %s by %s: %d %s", actor, c.Action, c.Actor, *f.Code, f.Msg)
						}
						if c.Save != "" {
							stages[prefix][c.Save] = f.Data["id"].(string)
						}
					}
				}
				cells.Add(1)
				f := send(prefix, actor, row.Action, permissiontest.Fill(row.Data, prefix, actor, stages[prefix]))
				if *f.Code != row.Code(j) {
					t.Errorf("%s is answered %d %s, want %d", actor, *f.Code, f.Msg, row.Code(j))
				}
			}
			for _, c := range clients {
				c.Close()
			}
		}
		rows.Go(func() error {
			t.Run(row.Name(), run)
			return nil
		})
	}
	if err := rows.Wait(); err != nil {
		t.Fatal(err)
	}
	if users, cells := 9, int(cells.Load()); cells < len(permissiontest.Rows)*users*4/5 {
		t.Errorf("only %d cells were sent", cells)
	}
}

// create is the one thing that a backend does before a row: the scene's group.
func create(t *testing.T, n *node, c permissiontest.Call, data string) {
	t.Helper()
	var r chat.GroupCreateRequest
	if c.Action != "group.Create" {
		t.Fatalf("%s by %s can't be done here", c.Action, c.Actor)
	}
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		t.Fatal(err)
	}
	if _, err := n.chat.GroupCreate(t.Context(), backend, r); err != nil {
		t.Fatal(err)
	}
}
