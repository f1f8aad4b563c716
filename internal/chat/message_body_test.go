package chat_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pushd/internal/chat"
)

func TestCheck(t *testing.T) {
	limits := chat.Limits{MaxText: 100, MaxData: 50}
	const u = `"url":"https://files.example/a.jpg"`
	for _, tc := range []struct {
		name, body string
		code       int
		says       string
	}{
		{"text", `{"type":"text","text":"hi"}`, 0, ""},
		{"text with line breaks", `{"type":"text","text":"a\nb\t😀"}`, 0, ""},
		{"longest text", `{"type":"text","text":"` + strings.Repeat("x", 100) + `"}`, 0, ""},
		{"image", `{"type":"img",` + u + `,"name":"a.jpg","size":10,"width":1,"height":2,"thumb":"/files/t.jpg"}`, 0, ""},
		{"voice", `{"type":"voice",` + u + `,"duration":1500}`, 0, ""},
		{"video", `{"type":"video",` + u + `}`, 0, ""},
		{"file of ours", `{"type":"file","url":"/files/01J/a%20b.pdf"}`, 0, ""},
		{"custom", `{"type":"custom","data":{"n":9007199254740993}}`, 0, ""},

		{"no type", `{"text":"hi"}`, 400, "type is missing"},
		{"unknown type", `{"type":"dance"}`, 400, `no type "dance"`},
		{"a notice", `{"type":"notice","data":{}}`, 400, "only the server sends"},
		{"recalled", `{"type":"recalled"}`, 400, "only the server sends"},
		{"gone", `{"type":"gone"}`, 400, "only the server sends"},
		{"empty text", `{"type":"text"}`, 400, "text is empty"},
		{"blank text", `{"type":"text","text":" \n"}`, 400, "text is empty"},
		{"long text", `{"type":"text","text":"` + strings.Repeat("x", 101) + `"}`, 413, "at most 100"},
		{"text with a URL", `{"type":"text","text":"x",` + u + `}`, 400, "no url"},
		{"text with a size", `{"type":"text","text":"x","size":1}`, 400, "size"},
		{"text with data", `{"type":"text","text":"x","data":{}}`, 400, "type custom"},
		{"image without a URL", `{"type":"img"}`, 400, "url is missing"},
		{"image with text", `{"type":"img",` + u + `,"text":"x"}`, 400, "no text"},
		{"image with data", `{"type":"img",` + u + `,"data":{}}`, 400, "no data"},
		{"script", `{"type":"img","url":"javascript:alert(1)"}`, 400, "url must be"},
		{"data URL", `{"type":"img","url":"data:text/html,x"}`, 400, "url must be"},
		{"another path", `{"type":"img","url":"/etc/passwd"}`, 400, "url must be"},
		{"out of the path", `{"type":"img","url":"/files/../api"}`, 400, "url must be"},
		{"out of the path, escaped", `{"type":"img","url":"/files/%2e%2e/api"}`, 400, "url must be"},
		{"another host", `{"type":"img","url":"//evil.example/files/"}`, 400, "url must be"},
		{"backslash", `{"type":"img","url":"https:\\\\evil.example"}`, 400, "url must be"},
		{"no host", `{"type":"img","url":"https:///a"}`, 400, "url must be"},
		{"line break in a URL", `{"type":"img","url":"https://a.example/\nb"}`, 400, "url must be"},
		{"bad thumb", `{"type":"img",` + u + `,"thumb":"ftp://x/y"}`, 400, "thumb must be"},
		{"long URL", `{"type":"img","url":"https://a.example/` + strings.Repeat("x", 2048) + `"}`, 413, "url is at most"},
		{"long name", `{"type":"file",` + u + `,"name":"` + strings.Repeat("x", 256) + `"}`, 413, "name is at most"},
		{"negative size", `{"type":"file",` + u + `,"size":-1}`, 400, "not negative"},
		{"negative width", `{"type":"img",` + u + `,"width":-1}`, 400, "not negative"},
		{"custom without data", `{"type":"custom"}`, 400, "data is missing"},
		{"custom of null", `{"type":"custom","data":null}`, 400, "data is missing"},
		{"custom of an array", `{"type":"custom","data":[1]}`, 400, "data: not a JSON object"},
		{"custom with text", `{"type":"custom","data":{},"text":"x"}`, 400, "data and nothing else"},
		{"long custom", `{"type":"custom","data":{"x":"` + strings.Repeat("x", 50) + `"}}`, 413, "data is at most 50"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b chat.Body
			if err := json.Unmarshal([]byte(tc.body), &b); err != nil {
				t.Fatal(err)
			}
			wantCode(t, chat.Check(&b, limits), tc.code, tc.says)
		})
	}
	// These can't come through JSON; callers within the program can give them.
	for name, b := range map[string]chat.Body{
		"bad UTF-8": {Type: chat.TypeText, Text: "\xff"},
		"NUL":       {Type: chat.TypeText, Text: "a\x00b"},
		"name":      {Type: chat.TypeFile, URL: "/files/a", Name: "\xff"},
		"URL":       {Type: chat.TypeFile, URL: "/files/\xff"},
		"data":      {Type: chat.TypeCustom, Data: []byte(`{"a":"` + "\xff" + `"}`)},
	} {
		if err := chat.Check(&b, limits); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
