package protocol

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"pushd/internal/account"
	"pushd/internal/bot"
	"pushd/internal/chat"
	"pushd/internal/files"
	"pushd/internal/push"
)

// schemas makes JSON Schemas of Go types, each of which is described once.
type schemas struct {
	reflector jsonschema.Reflector
	types     map[string]reflect.Type // by name, to find two that have the same
	all       jsonschema.Definitions
}

// inside is where the definitions of named types are, for who refers to them.
const inside = "#/components/schemas/"

// newSchemas reads the comments of the packages whose types are described. It is
// called in the directory of this package, as go generate and go test do.
func newSchemas() (*schemas, error) {
	s := &schemas{types: map[string]reflect.Type{}, all: jsonschema.Definitions{}}
	s.reflector = jsonschema.Reflector{
		Anonymous: true,
		// Clients ignore what they don't know, and so does the server.
		AllowAdditionalProperties: true,
		Mapper:                    special,
		Namer:                     s.name,
	}
	for _, pkg := range []string{"account", "bot", "chat", "files", "gateway", "offline", "push"} {
		if err := s.reflector.AddGoComments("pushd/internal/protocol", "../"+pkg); err != nil {
			return nil, fmt.Errorf("read comments of %s: %w", pkg, err)
		}
	}
	s.reflector.LookupComment = s.comment
	return s, nil
}

// comment is the comment of a type or of one of its fields, on one line.
func (s *schemas) comment(t reflect.Type, field string) string {
	key := t.PkgPath() + "." + t.Name()
	if field != "" {
		key += "." + field
	}
	text := strings.Join(strings.Fields(s.reflector.CommentMap[key]), " ")
	if rest, ok := strings.CutPrefix(text, t.Name()+" "); ok && field == "" {
		text = s.name(t) + " " + rest
	}
	return text
}

// of is the schema of a type: a reference where the type has a name.
func (s *schemas) of(t reflect.Type) (*jsonschema.Schema, error) {
	root := s.reflector.ReflectFromType(t)
	root.Version = ""
	for name, definition := range root.Definitions {
		s.all[name] = definition
	}
	root.Definitions = nil
	for name, first := range s.types {
		if first == nil {
			return nil, fmt.Errorf("two types would be called %s: give one of them another name in renamed", name)
		}
	}
	return root, nil
}

// renamed are types whose own names say too little outside of their packages.
func renamed() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[account.Login]():       "Tokens",
		reflect.TypeFor[account.User]():        "Account",
		reflect.TypeFor[bot.Info]():            "Bot",
		reflect.TypeFor[bot.ListReply]():       "BotListReply",
		reflect.TypeFor[bot.ListRequest]():     "BotListRequest",
		reflect.TypeFor[chat.Head]():           "Conversation",
		reflect.TypeFor[chat.Mark]():           "SyncCursor",
		reflect.TypeFor[chat.Synced]():         "SyncedConversation",
		reflect.TypeFor[files.DeleteRequest](): "FileDeleteRequest",
		reflect.TypeFor[files.Info]():          "FileInfo",
		reflect.TypeFor[files.InfoRequest]():   "FileInfoRequest",
		reflect.TypeFor[files.LinkReply]():     "FileLinkReply",
		reflect.TypeFor[files.LinkRequest]():   "FileLinkRequest",
		reflect.TypeFor[files.LinksReply]():    "FileLinksReply",
		reflect.TypeFor[files.LinksRequest]():  "FileLinksRequest",
		reflect.TypeFor[files.ListReply]():     "FileListReply",
		reflect.TypeFor[files.ListRequest]():   "FileListRequest",
		reflect.TypeFor[push.HistoryReply]():   "TopicHistoryReply",
		reflect.TypeFor[push.HistoryRequest](): "TopicHistoryRequest",
		reflect.TypeFor[push.Position]():       "TopicPosition",
	}
}

// name is what a type is called in the description; "" leaves it to the generator,
// which has it only for types that have none in Go either.
func (s *schemas) name(t reflect.Type) string {
	if t.Name() == "" || t.PkgPath() == "" || t.Kind() != reflect.Struct {
		return ""
	}
	name, ok := renamed()[t]
	if !ok {
		name = t.Name()
	}
	if first, taken := s.types[name]; taken && first != t {
		s.types[name] = nil
	} else {
		s.types[name] = t
	}
	return name
}

// special describes what marshals itself, and numbers that are not negative.
func special(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return &jsonschema.Schema{Type: "object"} // wherever one stands in this protocol
	case reflect.TypeFor[account.PlatID]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "string", Description: "The platform's name, or its number in digits."},
			{Type: "integer", Minimum: "0", Maximum: "255", Description: "The platform's number."},
		}}
	case reflect.TypeFor[chat.Role]():
		return &jsonschema.Schema{
			Type: "string",
			Enum: []any{chat.RoleMember.String(), chat.RoleAdmin.String(), chat.RoleOwner.String()},
		}
	}
	switch t.Kind() {
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &jsonschema.Schema{Type: "integer", Minimum: "0"}
	}
	return nil
}

// remembered puts in what the types don't say: that messages of topics are pushes as
// they were sent.
func (s *schemas) remembered(pushes *jsonschema.Schema) error {
	for _, t := range []reflect.Type{reflect.TypeFor[push.SubscribeReply](), reflect.TypeFor[push.HistoryReply]()} {
		list, ok := s.all[s.name(t)].Properties.Get("messages")
		if !ok {
			return fmt.Errorf("%v has no messages", t)
		}
		list.Items = pushes
	}
	return nil
}

// refer makes references between definitions fit the place where they end up.
func refer(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		s.Ref = inside + name
	}
	if s.Properties != nil {
		for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
			refer(pair.Value)
		}
	}
	refer(s.Items)
	refer(s.AdditionalProperties)
	for _, one := range s.OneOf {
		refer(one)
	}
}
