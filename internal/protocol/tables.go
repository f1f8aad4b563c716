package protocol

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"pushd/internal/codec"
	"pushd/internal/router"
)

// tables writes parts of the protocol as Markdown.
type tables struct {
	Protocol
	schemas *schemas
}

// explained are the objects that stand in a list of their own, and that tables refer
// to instead of repeating their fields.
var explained = [...]string{"Message", "Reaction", "Conversation", "GroupInfo", "Member", "Friend"}

// table is one of these, by the words of its marker:
//
//	actions MODULE, or actions MODULE.ACTION ...
//	pushes MODULE, or pushes MODULE.ACTION ...
//	objects
//	error codes
//	close codes
//
// objects is where the page, which is one of docs, finds the list of objects.
func (t tables) table(words []string, objects string) (string, error) {
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	head := func(cells ...string) {
		row(cells...)
		b.WriteString("|" + strings.Repeat("---|", len(cells)) + "\n")
	}
	switch strings.Join(words, " ") {
	case "objects":
		t.objects(&b, objects)
		return b.String(), nil
	case "error codes":
		head("code", "meaning")
		for _, e := range t.Errors {
			row(fmt.Sprint(e.Code), e.Doc)
		}
		return b.String(), nil
	case "close codes":
		head("code", "what happened", "what the client does")
		for _, c := range t.Closes {
			row(fmt.Sprint(c.Code), c.Doc, c.Client)
		}
		return b.String(), nil
	}
	if len(words) < 2 {
		return "", fmt.Errorf("no table is called %q", words)
	}
	switch words[0] {
	case "actions":
		actions, err := chosen(words[1:], t.Actions, func(a router.Action) (string, string) { return a.Module, a.Action })
		if err != nil {
			return "", err
		}
		head("action", "what it does", "`Data`", "reply's `Data`")
		for _, a := range actions {
			row("`"+a.Action+"`", a.Doc, t.data(a.Request, objects), t.data(a.Reply, objects))
		}
		return b.String(), nil
	case "pushes":
		pushes, err := chosen(words[1:], t.Pushes, func(p codec.PushInfo) (string, string) { return p.Module, p.Action })
		if err != nil {
			return "", err
		}
		head("push", "what it says, and who gets it", "`Data`")
		for _, p := range pushes {
			row("`"+p.Action+"`", p.Doc, t.data(p.Data, objects))
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("no table is called %q", words)
}

// chosen are those that names name: all of a module, or some one by one.
func chosen[T any](names []string, all []T, of func(T) (module, action string)) (list []T, err error) {
	for _, name := range names {
		before := len(list)
		for _, one := range all {
			if module, action := of(one); name == module || name == module+"."+action {
				list = append(list, one)
			}
		}
		if len(list) == before {
			return nil, fmt.Errorf("nothing is called %s", name)
		}
	}
	return list, nil
}

// data lists the fields of a type.
func (t tables) data(of reflect.Type, objects string) string {
	if of == nil {
		return "–"
	}
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	name := t.schemas.name(of)
	switch {
	case name == "":
		return "any object"
	case name == "Edited":
		return "a [Message](" + objects + ") with `rev`"
	case slices.Contains(explained[:], name):
		return "a [" + name + "](" + objects + ")"
	}
	var required, optional []string
	definition := t.schemas.all[name]
	for pair := definition.Properties.Oldest(); pair != nil; pair = pair.Next() {
		field := "`" + pair.Key + "`" + t.within(pair.Value, objects)
		if slices.Contains(definition.Required, pair.Key) {
			required = append(required, field)
		} else {
			optional = append(optional, field)
		}
	}
	text := strings.Join(required, ", ")
	if len(optional) > 0 {
		if text != "" {
			text += "; "
		}
		text += "optional " + strings.Join(optional, ", ")
	}
	if text == "" {
		return "–"
	}
	return text
}

// within says in parentheses what a field is made of, where that has a name and fits.
func (t tables) within(field *jsonschema.Schema, objects string) string {
	const fits = 5
	name := referred(field)
	definition, ok := t.schemas.all[name]
	switch {
	case !ok:
		return ""
	case slices.Contains(explained[:], name):
		return " ([" + name + "](" + objects + "))"
	case definition.Properties.Len() > fits:
		return ""
	}
	var fields []string
	for pair := definition.Properties.Oldest(); pair != nil; pair = pair.Next() {
		fields = append(fields, "`"+pair.Key+"`")
	}
	return " (" + strings.Join(fields, ", ") + ")"
}

// referred is the named type of a field, or of what the field has many of.
func referred(field *jsonschema.Schema) string {
	for _, s := range []*jsonschema.Schema{field, field.Items, field.AdditionalProperties} {
		if s != nil && s.Ref != "" {
			return strings.TrimPrefix(s.Ref, inside)
		}
	}
	return ""
}

// objects explains the fields of what tables refer to.
func (t tables) objects(b *strings.Builder, link string) {
	for i, name := range explained {
		if i > 0 {
			b.WriteString("\n")
		}
		definition := t.schemas.all[name]
		fmt.Fprintf(b, "**%s**\n\n| field | type | |\n|---|---|---|\n", name)
		for pair := definition.Properties.Oldest(); pair != nil; pair = pair.Next() {
			kind := t.kind(pair.Value, link)
			if !slices.Contains(definition.Required, pair.Key) {
				kind += ", optional"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", pair.Key, kind, pair.Value.Description)
		}
	}
}

// kind is a field's type in words.
func (t tables) kind(field *jsonschema.Schema, link string) string {
	switch name := referred(field); {
	case slices.Contains(explained[:], name) && field.Items != nil:
		return "array of [" + name + "](" + link + ")"
	case slices.Contains(explained[:], name):
		return "[" + name + "](" + link + ")"
	case field.Items != nil:
		return "array of " + field.Items.Type + "s"
	case len(field.Enum) > 0:
		words := make([]string, len(field.Enum))
		for i, value := range field.Enum {
			words[i] = fmt.Sprintf("`%v`", value)
		}
		return strings.Join(words, ", ")
	}
	return field.Type
}
