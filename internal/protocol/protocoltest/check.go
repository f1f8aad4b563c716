// Package protocoltest holds real frames to the description of the client protocol.
// The helpers of tests tell it what a client sends and what it receives; it says
// where the two don't fit the description that is written down, or where the
// description doesn't fit the server.
//
// What the server sends has to be described to the last key. What a client sends may
// be anything, but what the server grants has to be described as a request.
package protocoltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// description is where the document is, from the root of the module.
const description = "internal/api/openapi/asyncapi.yaml"

// Checker knows the description. Its methods may be called by many goroutines.
type Checker struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by place in the document, those that were asked for
	passed   map[string]bool               // messages that some frame has fitted
	messages map[string]any                // immutable
	closes   []int                         // immutable
}

// The two forms of the document: as it is, and with no room for unknown keys.
const (
	asIs   = "https://pushd.test/asyncapi.json"
	closed = "https://pushd.test/asyncapi-closed.json"
)

// New reads the description. It is found from any directory of the module.
func New() (*Checker, error) {
	text, err := read()
	if err != nil {
		return nil, err
	}
	var codes struct {
		CloseCodes []struct {
			Code int `yaml:"code"`
		} `yaml:"x-close-codes"`
	}
	if err := yaml.Unmarshal(text, &codes); err != nil {
		return nil, fmt.Errorf("read %s: %w", description, err)
	}
	c := &Checker{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}, passed: map[string]bool{}}
	for _, code := range codes.CloseCodes {
		c.closes = append(c.closes, code.Code)
	}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	for _, url := range []string{asIs, closed} {
		document, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", description, err)
		}
		if url == closed {
			shut(document)
		}
		components, _ := document["components"].(map[string]any)
		if c.messages, _ = components["messages"].(map[string]any); len(c.messages) == 0 {
			return nil, fmt.Errorf("%s describes no messages", description)
		}
		if err := c.compiler.AddResource(url, document); err != nil {
			return nil, fmt.Errorf("read %s: %w", description, err)
		}
	}
	return c, nil
}

func read() ([]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return os.ReadFile(filepath.Join(dir, filepath.FromSlash(description)))
		}
		if dir == filepath.Dir(dir) {
			return nil, errors.New("no go.mod above the working directory")
		}
	}
}

// decode makes of YAML what the validator makes of JSON.
func decode(text []byte) (map[string]any, error) {
	var document map[string]any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return nil, err
	}
	document, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	return document, nil
}

// shut closes every object whose keys are described to others.
func shut(v any) {
	switch v := v.(type) {
	case map[string]any:
		_, is := v["properties"].(map[string]any)
		if _, more := v["additionalProperties"]; is && v["type"] == "object" && !more {
			v["additionalProperties"] = false
		}
		for _, child := range v {
			shut(child)
		}
	case []any:
		for _, child := range v {
			shut(child)
		}
	}
}

// Push holds a push, the payload of its frame, to the description.
func (c *Checker) Push(module, action string, payload []byte) error {
	return c.check(closed, "push."+module+"."+action, payload)
}

// Reply holds the reply to a request that was granted to the description.
func (c *Checker) Reply(module, action string, payload []byte) error {
	return c.check(closed, "reply."+module+"."+action, payload)
}

// Refusal holds the reply to what was refused to the description.
func (c *Checker) Refusal(payload []byte) error { return c.check(closed, "error", payload) }

// Request holds a request to the description.
func (c *Checker) Request(module, action string, payload []byte) error {
	return c.check(asIs, "request."+module+"."+action, payload)
}

// Close says whether a code with which the server ended a connection is described.
func (c *Checker) Close(code int) error {
	if !slices.Contains(c.closes, code) {
		return fmt.Errorf("close code %d is not described", code)
	}
	return nil
}

func (c *Checker) check(document, message string, payload []byte) error {
	schema, err := c.schema(document, message)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("%s: %w", message, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s is not as described: %.2000s\n%w", message, payload, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed[message] = true
	return nil
}

// Unseen lists the messages that are described and that no frame has fitted so far.
func (c *Checker) Unseen() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.messages {
		if !c.passed[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// schema compiles the schema of a message when it is first asked for.
func (c *Checker) schema(document, message string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	place := document + "#/components/messages/" + pointer(message) + "/payload"
	if s, ok := c.schemas[place]; ok {
		return s, nil
	}
	if _, ok := c.messages[message]; !ok {
		return nil, fmt.Errorf("%s is not described", message)
	}
	s, err := c.compiler.Compile(place)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", message, err)
	}
	c.schemas[place] = s
	return s, nil
}

// pointer escapes a name for a JSON pointer (RFC 6901).
func pointer(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }
