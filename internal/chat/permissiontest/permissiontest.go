// Package permissiontest is who may do what with messages, groups and friends, as
// one table of data: rows are requests, columns are who makes them. A test sends
// every cell through one door and compares what it is answered: over the service's
// methods, the socket or HTTP alike. The table is also docs/permissions.md.
//
// For each stage of a row a test chooses a prefix of its own and sends the Setting,
// filled with it, and then for each cell on that stage the row's own request.
package permissiontest

import (
	"fmt"
	"strconv"
	"strings"
)

// Call is one request. Action is the module and action of the socket's protocol,
// Data its JSON with names in angle brackets, which Fill replaces.
type Call struct {
	Actor     string // one of Actors, or another user of the scene
	Action    string
	Data      string
	Save      string // the reply's id is kept under this name, for later calls
	OnlyUsers bool   // left out when the cell's actor is no user
}

// Row is a request and what each actor is answered.
type Row struct {
	Action string
	Note   string // tells rows of one action apart
	Before []Call
	Data   string
	Want   string // a code for each of Actors; 200 is allowed
}

// Name is the row's name in a test, and in the page.
func (r Row) Name() string {
	if r.Note == "" {
		return r.Action
	}
	return r.Action + ", " + r.Note
}

// Code is what the actor is answered: 0, or the code of an error.
func (r Row) Code(actor int) int {
	code, err := strconv.Atoi(strings.Fields(r.Want)[actor])
	switch {
	case err != nil:
		panic(fmt.Sprintf("permissiontest: %s: %v", r.Name(), err))
	case code == 200:
		return 0
	}
	return code
}

// IsUser tells whether an actor is a user, and not an API key or nobody.
func IsUser(actor string) bool {
	return actor != "nobody" && !strings.HasPrefix(actor, "key ")
}

// User is the id of a user of the scene.
func User(prefix, name string) string { return prefix + "-" + name }

// Fill puts the names of a cell into a call's Data: <group>, <me> for who the cell
// is about, what was saved, and for every other <name> that user.
func Fill(data, prefix, actor string, saved map[string]string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(data, "<")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, closed := strings.Cut(rest, ">")
		if !closed {
			panic("permissiontest: no > in " + data)
		}
		value, ok := saved[name]
		switch {
		case ok:
		case name == "me":
			value = User(prefix, actor)
		default:
			value = User(prefix, name)
		}
		out.WriteString(value)
		data = after
	}
}

// Stage names the scene that a cell is played in. Who is refused changes nothing, so
// one scene serves all of a row who are; who is allowed has one of their own.
func (r Row) Stage(actor int) string {
	personal := r.Code(actor) == 0
	for _, c := range r.Before {
		personal = personal || c.OnlyUsers
	}
	if personal {
		return strconv.Itoa(actor)
	}
	return "x"
}

// Setting is what is done on a stage before a cell's own request.
func Setting(r Row, actor string) []Call {
	var calls []Call
	for _, c := range append(append([]Call{}, Scene...), r.Before...) {
		if !c.OnlyUsers || IsUser(actor) {
			calls = append(calls, c)
		}
	}
	return calls
}

// Markdown is the table as docs/permissions.md has it.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| request | " + strings.Join(Actors, " | ") + " |\n|---" + strings.Repeat("|:-:", len(Actors)) + "|\n")
	for _, r := range Rows {
		name := "`" + r.Action + "`"
		if r.Note != "" {
			name += " " + r.Note
		}
		b.WriteString("| " + name)
		for _, word := range strings.Fields(r.Want) {
			if word == "200" {
				word = "✓"
			}
			b.WriteString(" | " + word)
		}
		b.WriteString(" |\n")
	}
	return b.String()
}
