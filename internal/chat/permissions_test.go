package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/chat/permissiontest"
	"pushd/internal/codec"
)

// operations are the service's methods by the names that clients know them by.
func operations(s *chat.Service) map[string]func(context.Context, account.Identity, string) (string, error) {
	return map[string]func(context.Context, account.Identity, string) (string, error){
		"group.Create":   operation(s.GroupCreate),
		"group.Info":     operation(s.GroupInfo),
		"group.Update":   operation(s.GroupUpdate),
		"group.List":     operation(s.GroupList),
		"group.Dismiss":  operation(s.GroupDismiss),
		"group.Join":     operation(s.GroupJoin),
		"group.Leave":    operation(s.GroupLeave),
		"group.Requests": operation(s.GroupRequests),
		"group.Answer":   operation(s.GroupAnswer),
		"group.Members":  operation(s.GroupMembers),
		"group.Invite":   operation(s.GroupInvite),
		"group.Remove":   operation(s.GroupRemove),
		"group.SetRole":  operation(s.GroupSetRole),
		"group.Transfer": operation(s.GroupTransfer),
		"group.Mute":     operation(s.GroupMute),
		"group.Remark":   operation(s.GroupRemark),
		"friend.Request": operation(s.FriendRequest),
		"friend.Accept":  operation(s.FriendAccept),
		"friend.Refuse":  operation(s.FriendRefuse),
		"friend.Remove":  operation(s.FriendRemove),
		"friend.Remark":  operation(s.FriendRemark),
		"friend.Block":   operation(s.FriendBlock),
		"friend.List":    operation(s.FriendList),
		"chat.Send":      operation(s.Send),
		"chat.History":   operation(s.History),
		"chat.Read":      operation(s.Read),
		"chat.Delivered": operation(s.Delivered),
		"chat.Readers":   operation(s.Readers),
		"chat.Recall":    operation(s.Recall),
		"chat.Edit":      operation(s.Edit),
		"chat.Versions":  operation(s.Versions),
		"chat.React":     operation(s.React),
		"chat.Typing":    operation(s.Typing),
		"chat.Delete":    operation(s.Delete),
		"chat.Hide":      operation(s.Hide),
	}
}

// identity is who an actor of the table is to the service.
func identity(prefix, actor string) account.Identity {
	switch actor {
	case "nobody":
		return account.Identity{}
	case "key admin":
		return admin
	case "key push":
		return pusher
	case "key read":
		return reader
	}
	return account.Identity{User: permissiontest.User(prefix, actor)}
}

// TestPermissions is the whole table, cell by cell, over the service's methods.
func TestPermissions(t *testing.T) {
	p := newPeople(t, chat.Options{})
	methods := operations(p.Service)
	for i, row := range permissiontest.Rows {
		t.Run(row.Name(), func(t *testing.T) {
			stages := map[string]map[string]string{} // what was saved on each
			for j, actor := range permissiontest.Actors {
				prefix := fmt.Sprintf("r%d-%s", i, row.Stage(j))
				call := func(c permissiontest.Call) (string, error) {
					data := permissiontest.Fill(c.Data, prefix, actor, stages[prefix])
					return methods[c.Action](t.Context(), identity(prefix, c.Actor), data)
				}
				if stages[prefix] == nil {
					stages[prefix] = map[string]string{}
					for _, c := range permissiontest.Setting(row, actor) {
						rep, err := call(c)
						if err != nil {
							t.Fatalf("%s: before it, %s by %s: %v", actor, c.Action, c.Actor, err)
						}
						var with struct{ ID string }
						if c.Save != "" && json.Unmarshal([]byte(rep), &with) == nil {
							stages[prefix][c.Save] = with.ID
						}
					}
				}
				_, err := call(permissiontest.Call{Actor: actor, Action: row.Action, Data: row.Data})
				wantCell(t, actor, err, row.Code(j))
			}
		})
	}
	if p.log.Len() == 0 || !strings.Contains(p.log.String(), "msg=refused operation=group.dismiss") {
		t.Error("what was refused left no trace")
	}
}

func wantCell(t *testing.T, actor string, err error, want int) {
	t.Helper()
	got := 0
	if err != nil {
		got = codec.AsError(err).Code
	}
	if got != want {
		t.Errorf("%s is answered %d (%v), want %d", actor, got, err, want)
	}
}

func TestEveryRowHasACodeForEveryActor(t *testing.T) {
	names := map[string]bool{}
	for _, row := range permissiontest.Rows {
		if n := len(strings.Fields(row.Want)); n != len(permissiontest.Actors) {
			t.Errorf("%s has %d codes for %d actors", row.Name(), n, len(permissiontest.Actors))
		}
		if names[row.Name()] {
			t.Errorf("%s is there twice", row.Name())
		}
		names[row.Name()] = true
	}
	for _, actor := range permissiontest.Actors {
		if permissiontest.About[actor] == "" {
			t.Errorf("who %s is, is not said", actor)
		}
	}
	for action := range operations(newPeople(t, chat.Options{}).Service) {
		tested := false
		for _, row := range permissiontest.Rows {
			tested = tested || row.Action == action
		}
		if !tested {
			t.Errorf("%s is in no row", action)
		}
	}
}

func TestThePageOfPermissionsIsTheTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n\n"+permissiontest.Markdown()+"\n") {
		t.Errorf("docs/permissions.md doesn't have this table:\n\n%s", permissiontest.Markdown())
	}
	for _, actor := range permissiontest.Actors {
		if line := "| " + actor + " | " + permissiontest.About[actor] + " |"; !strings.Contains(string(page), line) {
			t.Errorf("docs/permissions.md doesn't have the line %s", line)
		}
	}
}
