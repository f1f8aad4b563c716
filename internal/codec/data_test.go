package codec_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pushd/internal/codec"
)

type picky string

func (p *picky) UnmarshalJSON(b []byte) error {
	if string(b) != `"good"` {
		return codec.Errorf(codec.CodeMalformed, "kind must be good")
	}
	*p = "good"
	return nil
}

type inner struct {
	City string `json:"city"`
	Zip  uint16 `json:"zip"`
}

type sample struct {
	Name  string          `json:"name"`
	Age   int8            `json:"age"`
	Count uint32          `json:"count"`
	Rate  float64         `json:"rate"`
	Sure  bool            `json:"sure"`
	Tags  []string        `json:"tags"`
	Home  inner           `json:"home"`
	Next  *inner          `json:"next"`
	Kind  picky           `json:"kind"`
	Raw   json.RawMessage `json:"raw"`
	Any   any             `json:"any"`
}

func TestDecodeData(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     sample
	}{
		{"absent", ``, sample{}},
		{"null", `null`, sample{}},
		{"empty", `{}`, sample{}},
		{
			"fields", `{"name":"a\u00e9","age":-128,"count":4294967295,"rate":0.5,"sure":true,"tags":["x","y"],"home":{"city":"c","zip":65535},"kind":"good"}`,
			sample{Name: "aé", Age: -128, Count: 4294967295, Rate: 0.5, Sure: true, Tags: []string{"x", "y"}, Home: inner{"c", 65535}, Kind: "good"},
		},
		{"unknown keys", `{"other":[1,{"name":"x"}],"name":"a"}`, sample{Name: "a"}},
		{"other case is another key", `{"Name":"x","NAME":1,"name":"a"}`, sample{Name: "a"}},
		{"duplicate keys, last wins", `{"name":"x","name":"a","tags":["1","2"],"tags":["3"]}`, sample{Name: "a", Tags: []string{"3"}}},
		{"duplicate objects merge", `{"home":{"city":"c","zip":1},"home":{"zip":2}}`, sample{Home: inner{"c", 2}}},
		{
			"raw keeps every byte", `{"raw": {"n" : 123456789012345678901234567890, "s":"\u003c<" }}`,
			sample{Raw: json.RawMessage(`{"n" : 123456789012345678901234567890, "s":"\u003c<" }`)},
		},
		{"any keeps digits", `{"any":9007199254740993}`, sample{Any: json.Number("9007199254740993")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := []byte(tt.in)
			var got sample
			if err := codec.DecodeData(data, &got); err != nil {
				t.Fatal(err)
			}
			clear(data) // nothing may point into it
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestDecodeDataRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, msg string }{
		{"array", `[]`, "not a JSON object"},
		{"string", `"x"`, "not a JSON object"},
		{"trailing bytes", `{}{}`, "trailing bytes"},
		{"bad utf-8", "{\"name\":\"\xff\"}", "bad UTF-8"},
		{"string wanted", `{"name":5}`, "name must be a string"},
		{"integer wanted", `{"age":"5"}`, "age must be an integer that fits 8 bits"},
		{"integer too large", `{"age":128}`, "age must be an integer that fits 8 bits"},
		{"fraction", `{"count":1.5}`, "count must be a non-negative integer that fits 32 bits"},
		{"negative", `{"count":-1}`, "count must be a non-negative integer that fits 32 bits"},
		{"beyond 64 bits", `{"count":123456789012345678901234567890}`, "count must be a non-negative integer"},
		{"number wanted", `{"rate":[]}`, "rate must be a number"},
		{"boolean wanted", `{"sure":1}`, "sure must be true or false"},
		{"array wanted", `{"tags":{}}`, "tags must be an array"},
		{"inside an array", `{"tags":["a",1]}`, "tags must be a string"},
		{"object wanted", `{"home":"here"}`, "home must be an object"},
		{"inside an object", `{"home":{"city":1}}`, "home.city must be a string"},
		{"behind a pointer", `{"next":{"zip":70000}}`, "next.zip must be a non-negative integer that fits 16 bits"},
		{"own unmarshaler", `{"kind":"bad"}`, "kind must be good"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := codec.DecodeData([]byte(tt.in), new(sample))
			var e *codec.Error
			if !errors.As(err, &e) || e.Code != codec.CodeMalformed || !strings.Contains(e.Msg, tt.msg) {
				t.Errorf("got %v, want 400 with %q", err, tt.msg)
			}
		})
	}
}

func TestValidObject(t *testing.T) {
	for _, in := range []string{`{}`, " {\"a\":[1e308,-0.0,\"\\ud83d\\ude00\"]}\n", nested(codec.MaxDepth)} {
		if err := codec.ValidObject([]byte(in)); err != nil {
			t.Errorf("%s: %v", cut(in), err)
		}
	}
	for _, in := range []string{
		``, ` `, `[]`, `null`, `1`, `"{}"`, `{`, `{}}`, `{} {}`, `{"a":1,}`, nested(codec.MaxDepth + 1),
		"{\"a\":\"\x80\"}", `{"a":"\u0000"}`, `{"\udead":1}`, `{"a":1e999}`, "{\x00}",
	} {
		err := codec.ValidObject([]byte(in))
		var e *codec.Error
		if !errors.As(err, &e) || e.Code != codec.CodeMalformed {
			t.Errorf("%s: got %v, want 400", cut(in), err)
		}
	}
}

func TestPrepare(t *testing.T) {
	for _, v := range []any{sample{}, &sample{}, struct{}{}, map[string]int{}, json.RawMessage{}} {
		if err := codec.Prepare(reflect.TypeOf(v), reflect.TypeOf(v)); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	if err := codec.Prepare(nil, nil); err != nil {
		t.Error(err)
	}
}
