package permissiontest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// Endpoint is the same request over HTTP. What its path names is left out of the
// body, or of the query where the method has no body.
type Endpoint struct{ Method, Path string }

// Public is where users send each action, and Admin is where API keys do. An
// action that a door doesn't offer isn't among its endpoints.
var (
	Public = map[string]Endpoint{
		"group.Create":   {"POST", "/api/v1/groups"},
		"group.List":     {"GET", "/api/v1/groups"},
		"group.Info":     {"GET", "/api/v1/groups/{group}"},
		"group.Update":   {"PATCH", "/api/v1/groups/{group}"},
		"group.Dismiss":  {"DELETE", "/api/v1/groups/{group}"},
		"group.Join":     {"POST", "/api/v1/groups/{group}/join"},
		"group.Leave":    {"POST", "/api/v1/groups/{group}/leave"},
		"group.Transfer": {"POST", "/api/v1/groups/{group}/transfer"},
		"group.Remark":   {"PUT", "/api/v1/groups/{group}/remark"},
		"group.Members":  {"GET", "/api/v1/groups/{group}/members"},
		"group.Invite":   {"POST", "/api/v1/groups/{group}/members"},
		"group.Remove":   {"DELETE", "/api/v1/groups/{group}/members/{user}"},
		"group.SetRole":  {"PUT", "/api/v1/groups/{group}/members/{user}/role"},
		"group.Mute":     {"PUT", "/api/v1/groups/{group}/members/{user}/mute"},
		"group.Requests": {"GET", "/api/v1/groups/{group}/requests"},
		"group.Answer":   {"POST", "/api/v1/groups/{group}/requests/{user}"},
		"friend.List":    {"GET", "/api/v1/friends"},
		"friend.Request": {"POST", "/api/v1/friends"},
		"friend.Remove":  {"DELETE", "/api/v1/friends/{user}"},
		"friend.Accept":  {"POST", "/api/v1/friends/{user}/accept"},
		"friend.Refuse":  {"POST", "/api/v1/friends/{user}/refuse"},
		"friend.Remark":  {"PUT", "/api/v1/friends/{user}/remark"},
		"friend.Block":   {"PUT", "/api/v1/friends/{user}/block"},
		"chat.Send":      {"POST", "/api/v1/messages"},
		"chat.History":   {"GET", "/api/v1/conversations/{conv}/messages"},
		"chat.Read":      {"POST", "/api/v1/conversations/{conv}/read"},
		"chat.Delivered": {"POST", "/api/v1/conversations/{conv}/delivered"},
		"chat.Typing":    {"POST", "/api/v1/conversations/{conv}/typing"},
		"chat.Readers":   {"GET", "/api/v1/conversations/{conv}/readers"},
		"chat.Delete":    {"POST", "/api/v1/conversations/{conv}/messages/delete"},
		"chat.Hide":      {"DELETE", "/api/v1/conversations/{conv}"},
		"chat.Edit":      {"PATCH", "/api/v1/messages/{id}"},
		"chat.Recall":    {"DELETE", "/api/v1/messages/{id}"},
		"chat.Versions":  {"GET", "/api/v1/messages/{id}/versions"},
		"chat.React":     {"POST", "/api/v1/messages/{id}/reactions"},
	}
	Admin = map[string]Endpoint{
		"group.Create":   {"POST", "/api/groups"},
		"group.List":     {"GET", "/api/groups"},
		"group.Info":     {"GET", "/api/groups/{group}/info"},
		"group.Update":   {"PATCH", "/api/groups/{group}"},
		"group.Transfer": {"POST", "/api/groups/{group}/transfer"},
		"group.Remark":   {"PUT", "/api/groups/{group}/members/{as}/remark"},
		"group.Members":  {"GET", "/api/groups/{group}/members"},
		"group.Invite":   {"POST", "/api/groups/{group}/members"},
		"group.Remove":   {"DELETE", "/api/groups/{group}/members/{user}"},
		"group.SetRole":  {"PUT", "/api/groups/{group}/members/{user}/role"},
		"group.Mute":     {"PUT", "/api/groups/{group}/members/{user}/mute"},
		"group.Requests": {"GET", "/api/groups/{group}/requests"},
		"group.Answer":   {"POST", "/api/groups/{group}/requests/{user}"},
		"group.Dismiss":  {"DELETE", "/api/groups/{group}"},
		"friend.List":    {"GET", "/api/users/{as}/friends"},
		"friend.Request": {"POST", "/api/users/{as}/friends"},
		"friend.Remove":  {"DELETE", "/api/users/{as}/friends/{user}"},
		"friend.Accept":  {"POST", "/api/users/{as}/friends/{user}/accept"},
		"friend.Refuse":  {"POST", "/api/users/{as}/friends/{user}/refuse"},
		"friend.Remark":  {"PUT", "/api/users/{as}/friends/{user}/remark"},
		"friend.Block":   {"PUT", "/api/users/{as}/friends/{user}/block"},
		"chat.Recall":    {"DELETE", "/api/messages/{id}"},
	}
)

// Over is where an actor sends an action over HTTP; ok is false for what their door
// doesn't offer.
func Over(actor, action string) (e Endpoint, ok bool) {
	if strings.HasPrefix(actor, "key ") {
		e, ok = Admin[action]
		return e, ok
	}
	e, ok = Public[action]
	return e, ok
}

// Request makes of a call's Data, filled, what is sent over HTTP: a path with its
// query, and a body, "" for none. ok is false when the path names what Data doesn't.
func (e Endpoint) Request(data string) (path, body string, ok bool) {
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(data), &values); err != nil {
		panic(fmt.Sprintf("permissiontest: %s: %v", data, err))
	}
	segments := strings.Split(e.Path, "/")
	for i, s := range segments {
		if !strings.HasPrefix(s, "{") {
			continue
		}
		name := strings.Trim(s, "{}")
		raw, named := values[name]
		if !named {
			return "", "", false
		}
		segments[i] = url.PathEscape(text(raw))
		delete(values, name)
	}
	path = strings.Join(segments, "/")
	if e.Method == "GET" || e.Method == "DELETE" {
		query := url.Values{}
		for name, raw := range values {
			query.Set(name, text(raw))
		}
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		return path, "", true
	}
	b, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("permissiontest: %s: %v", data, err))
	}
	return path, string(b), true
}

// text is a value as it stands in a path or a query.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
