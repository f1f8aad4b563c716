package api

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The admin door's description is one file, and so is that of the client protocol,
// asyncapi.yaml, which internal/protocol generates. The public door's is public.yaml,
// which ends in its paths, and behind it the paths of each module in a file of
// its own.
//
//go:embed openapi/*.yaml
var openAPI embed.FS

func adminDescription() []byte { return readDescription("admin.yaml") }

func publicDescription() []byte {
	files, err := openAPI.ReadDir("openapi")
	if err != nil {
		panic(err) // it is part of the program
	}
	whole := readDescription("public.yaml")
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "public_") {
			whole = append(whole, readDescription(f.Name())...)
		}
	}
	return whole
}

func readDescription(name string) []byte {
	text, err := openAPI.ReadFile("openapi/" + name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return text
}

//go:embed docs.html
var docsTemplate string

// description is what the page shows of an OpenAPI file.
type description struct {
	Info struct {
		Title       string `yaml:"title"`
		Version     string `yaml:"version"`
		Description string `yaml:"description"`
	} `yaml:"info"`
	Tags []struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
	} `yaml:"tags"`
	Paths      yaml.Node `yaml:"paths"` // a node, since a map would lose the order
	Components struct {
		Schemas yaml.Node `yaml:"schemas"`
	} `yaml:"components"`
}

// operation is one route on the page; the parts that nest are shown as the
// YAML they are.
type operation struct {
	Method, Path, ID, Tag, Summary, Description string
	Parameters, Body, Responses                 string
}

type schema struct{ Name, YAML string }

// renderDocs makes the page, once. It panics when the description, which is part of
// the program, can't be read.
func renderDocs(source []byte) []byte {
	var page bytes.Buffer
	err := func() error {
		var d description
		if err := yaml.Unmarshal(source, &d); err != nil {
			return err
		}
		operations, err := operationsOf(&d.Paths)
		if err != nil {
			return err
		}
		var schemas []schema
		for i := 0; i+1 < len(d.Components.Schemas.Content); i += 2 {
			name, definition := d.Components.Schemas.Content[i], d.Components.Schemas.Content[i+1]
			schemas = append(schemas, schema{name.Value, text(definition)})
		}
		t, err := template.New("docs").Parse(docsTemplate)
		if err != nil {
			return err
		}
		return t.Execute(&page, map[string]any{"D": d, "Operations": operations, "Schemas": schemas})
	}()
	if err != nil {
		panic(fmt.Sprintf("api: openapi/admin.yaml: %v", err))
	}
	return page.Bytes()
}

func operationsOf(paths *yaml.Node) ([]operation, error) {
	var all []operation
	for i := 0; i+1 < len(paths.Content); i += 2 {
		path, methods := paths.Content[i].Value, paths.Content[i+1]
		for j := 0; j+1 < len(methods.Content); j += 2 {
			var o struct {
				ID          string    `yaml:"operationId"`
				Tags        []string  `yaml:"tags"`
				Summary     string    `yaml:"summary"`
				Description string    `yaml:"description"`
				Parameters  yaml.Node `yaml:"parameters"`
				Body        yaml.Node `yaml:"requestBody"`
				Responses   yaml.Node `yaml:"responses"`
			}
			if methods.Content[j].Value == "parameters" {
				continue // shared by the path's methods, and shown with the schemas they refer to
			}
			if err := methods.Content[j+1].Decode(&o); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			all = append(all, operation{
				Method: strings.ToUpper(methods.Content[j].Value), Path: path, ID: o.ID, Tag: strings.Join(o.Tags, ", "),
				Summary: o.Summary, Description: o.Description,
				Parameters: text(&o.Parameters), Body: text(&o.Body), Responses: text(&o.Responses),
			})
		}
	}
	return all, nil
}

// text is a node as YAML, "" for none.
func text(n *yaml.Node) string {
	if n.IsZero() {
		return ""
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return ""
	}
	return b.String()
}
