package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"pushd/internal/codec"
)

// The parts of an AsyncAPI 3.0 document that are used here.
// https://www.asyncapi.com/docs/reference/specification/v3.0.0
type (
	document struct {
		AsyncAPI           string               `json:"asyncapi"`
		Info               info                 `json:"info"`
		DefaultContentType string               `json:"defaultContentType"`
		Servers            map[string]server    `json:"servers"`
		Channels           map[string]channel   `json:"channels"`
		Operations         map[string]operation `json:"operations"`
		Components         components           `json:"components"`
		ErrorCodes         []errorCode          `json:"x-error-codes"`
		CloseCodes         []closeCode          `json:"x-close-codes"`
	}
	info struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description"`
	}
	server struct {
		Host        string `json:"host"`
		Protocol    string `json:"protocol"`
		Description string `json:"description"`
	}
	channel struct {
		Address  string         `json:"address"`
		Summary  string         `json:"summary"`
		Messages map[string]ref `json:"messages"`
	}
	operation struct {
		Action   string `json:"action"` // as the server sees it: it receives requests and sends pushes
		Channel  ref    `json:"channel"`
		Summary  string `json:"summary"`
		Tags     []tag  `json:"tags"`
		Messages []ref  `json:"messages"`
		Reply    *reply `json:"reply,omitempty"`
		// BeforeLogin marks requests that are allowed without a login.
		BeforeLogin bool `json:"x-before-login,omitempty"`
	}
	reply struct {
		Channel  ref   `json:"channel"`
		Messages []ref `json:"messages"`
	}
	tag struct {
		Name string `json:"name"`
	}
	components struct {
		Messages map[string]message     `json:"messages"`
		Schemas  jsonschema.Definitions `json:"schemas"`
	}
	message struct {
		Name    string             `json:"name"`
		Title   string             `json:"title"`
		Summary string             `json:"summary"`
		Payload *jsonschema.Schema `json:"payload"`
	}
	errorCode struct {
		Code    int    `json:"code"`
		Meaning string `json:"meaning"`
	}
	closeCode struct {
		Code    int    `json:"code"`
		Meaning string `json:"meaning"`
		Client  string `json:"client"`
	}
	ref struct {
		Ref string `json:"$ref"`
	}
)

const about = `Requests, replies and pushes of a pushd server, as JSON objects in WebSocket text frames.

A request has Module and Action, and may have Seq, which its reply repeats. A reply has Code: 0 with the ` +
	`result in Data, or another one with Msg. A push has no Code. Each request has one ` +
	`reply, in the order of the requests of the connection.

Schemas are JSON Schema 2020-12, within what AsyncAPI's own schema objects have. Keys that are not described are ` +
	`ignored, by the server, and by clients too: later versions add some. What a request marks as required is ` +
	`what a client should send. Times are Unix milliseconds unless the field says otherwise.

x-error-codes are the values of Code, x-close-codes those of WebSocket Close frames.

Generated from the server's types by go generate ./internal/protocol.`

// The names of what is the same for all actions.
const (
	socket    = "socket"
	errorName = "error"
)

// document is the description of the protocol, as YAML.
func (p Protocol) document(s *schemas) ([]byte, error) {
	d := document{
		AsyncAPI: "3.0.0",
		Info:     info{Title: "pushd client protocol", Version: "1.0.0", Description: about},
		Servers: map[string]server{"pushd": {
			Host: "127.0.0.1:8089", Protocol: "ws",
			Description: "Any server's public listener. Behind a proxy with TLS it is wss.",
		}},
		DefaultContentType: "application/json",
		Channels: map[string]channel{socket: {
			Address: "/ws", Summary: "One WebSocket connection.", Messages: map[string]ref{},
		}},
		Operations: map[string]operation{},
		Components: components{Messages: map[string]message{}, Schemas: s.all},
	}
	for _, e := range p.Errors {
		d.ErrorCodes = append(d.ErrorCodes, errorCode{e.Code, e.Doc})
	}
	for _, c := range p.Closes {
		d.CloseCodes = append(d.CloseCodes, closeCode{c.Code, c.Doc, c.Client})
	}
	if err := p.addMessages(&d, s); err != nil {
		return nil, err
	}
	for _, schema := range s.all {
		refer(schema)
	}
	for _, m := range d.Components.Messages {
		refer(m.Payload)
	}
	return toYAML(d)
}

// addMessages describes every frame.
func (p Protocol) addMessages(d *document, s *schemas) error {
	add := func(key, name, title, summary string, payload *jsonschema.Schema) {
		d.Components.Messages[key] = message{Name: name, Title: title, Summary: summary, Payload: payload}
		d.Channels[socket].Messages[key] = ref{"#/components/messages/" + key}
	}
	add(errorName, "Error", "Refused", "The reply to a request that was refused, or to a frame that is none: "+
		"that is robot.Error.", p.refusal())
	for _, a := range p.Actions {
		name := a.Module + "." + a.Action
		request, err := envelope(s, a.Module, a.Action, a.Request, false)
		if err != nil {
			return fmt.Errorf("request %s: %w", name, err)
		}
		request.Properties.Set("Seq", sequence())
		answer, err := envelope(s, a.Module, a.Action, a.Reply, true)
		if err != nil {
			return fmt.Errorf("reply %s: %w", name, err)
		}
		answer.Properties.Set("Seq", sequence())
		answer.Properties.Set("Code", &jsonschema.Schema{Const: codec.CodeOK})
		answer.Required = append(answer.Required, "Code")
		add("request."+name, name, "Request "+name, a.Doc, request)
		add("reply."+name, name, "Reply to "+name, "The result of "+name+".", answer)
		d.Operations["request."+name] = operation{
			Action: "receive", Channel: ref{"#/channels/" + socket}, Summary: a.Doc, Tags: []tag{{a.Module}},
			Messages:    []ref{onSocket("request." + name)},
			Reply:       &reply{ref{"#/channels/" + socket}, []ref{onSocket("reply." + name), onSocket(errorName)}},
			BeforeLogin: a.Open,
		}
	}
	remembered := &jsonschema.Schema{Description: "A push as it was sent."}
	for _, push := range p.Pushes {
		name := push.Module + "." + push.Action
		payload, err := envelope(s, push.Module, push.Action, push.Data, true)
		if err != nil {
			return fmt.Errorf("push %s: %w", name, err)
		}
		if push.Remembered {
			payload.Description = "Topic, Offset and Epoch are there, all three, when it comes from a topic with a history."
			payload.Properties.Set("Topic", &jsonschema.Schema{Type: "string"})
			payload.Properties.Set("Offset", &jsonschema.Schema{Type: "integer", Minimum: "1"})
			payload.Properties.Set("Epoch", &jsonschema.Schema{Type: "string"})
			one := &jsonschema.Schema{Ref: "#/components/messages/push." + name + "/payload"}
			remembered.OneOf = append(remembered.OneOf, one)
		}
		add("push."+name, name, "Push "+name, push.Doc, payload)
		d.Operations["push."+name] = operation{
			Action: "send", Channel: ref{"#/channels/" + socket}, Summary: push.Doc, Tags: []tag{{push.Module}},
			Messages: []ref{onSocket("push." + name)},
		}
	}
	return s.remembered(remembered)
}

func onSocket(message string) ref { return ref{"#/channels/" + socket + "/messages/" + message} }

// envelope is a frame of an action with data of a type; nil is no data.
func envelope(s *schemas, module, action string, t reflect.Type, sent bool) (*jsonschema.Schema, error) {
	payload := &jsonschema.Schema{
		Type: "object", Properties: jsonschema.NewProperties(), Required: []string{"Module", "Action"},
	}
	payload.Properties.Set("Module", &jsonschema.Schema{Const: module})
	payload.Properties.Set("Action", &jsonschema.Schema{Const: action})
	if t == nil {
		return payload, nil
	}
	data, err := s.of(t)
	if err != nil {
		return nil, err
	}
	payload.Properties.Set("Data", data)
	if sent && t.Kind() != reflect.Pointer || !sent && len(s.fields(t).Required) > 0 {
		payload.Required = append(payload.Required, "Data")
	}
	return payload, nil
}

// fields is the definition of a struct.
func (s *schemas) fields(t reflect.Type) *jsonschema.Schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if definition, ok := s.all[s.name(t)]; ok {
		return definition
	}
	return &jsonschema.Schema{}
}

func sequence() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "integer", Minimum: "0", Maximum: json.Number(fmt.Sprint(uint32(math.MaxUint32))),
		Description: "Of the client's choice; the reply has the same.",
	}
}

// refusal is the reply to what was refused.
func (p Protocol) refusal() *jsonschema.Schema {
	codes := &jsonschema.Schema{Description: "One of x-error-codes."}
	for _, e := range p.Errors {
		codes.Enum = append(codes.Enum, e.Code)
	}
	payload := &jsonschema.Schema{
		Type: "object", Properties: jsonschema.NewProperties(),
		Required: []string{"Module", "Action", "Code", "Msg"},
	}
	payload.Properties.Set("Module", &jsonschema.Schema{Type: "string"})
	payload.Properties.Set("Action", &jsonschema.Schema{Type: "string"})
	payload.Properties.Set("Seq", sequence())
	payload.Properties.Set("Code", codes)
	payload.Properties.Set("Msg", &jsonschema.Schema{
		Type: "string", Description: "For people: show it or log it, but don't parse it.",
	})
	payload.Properties.Set("Temporary", &jsonschema.Schema{
		Const: true, Description: "The same request may succeed later.",
	})
	payload.Properties.Set("RetryAfter", &jsonschema.Schema{
		Type: "integer", Minimum: "1", Description: "How long to wait, in milliseconds, where the server knows it.",
	})
	return payload
}

// toYAML keeps the order that the value has as JSON.
func toYAML(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode the description: %w", err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, fmt.Errorf("read the description as YAML: %w", err)
	}
	plain(&node)
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(&node); err != nil {
		return nil, fmt.Errorf("write the description: %w", err)
	}
	return b.Bytes(), nil
}

// plain takes away the brackets and quotes of JSON where YAML does without.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, child := range n.Content {
		plain(child)
	}
}
