package codec_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pushd/internal/codec"
)

// FuzzDecode holds Decode against encoding/json: what we accept it accepts, with
// the same members, and nothing is lost on the way to a reply or a push.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{heartBeatText, loginText, envelope(`[1.5e3,"\ud83d\ude00\n",{},null]`), envelope(`9007199254740993`)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		var r codec.Request
		err := codec.Decode(payload, &r)
		if !bytes.Equal(payload, before) {
			t.Fatal("the payload was changed")
		}
		if err != nil {
			if e := codec.AsError(err); e.Code != codec.CodeMalformed || !utf8.ValidString(e.Msg) {
				t.Fatalf("refused with %+v", e)
			}
			if (r.Module == "") != (r.Action == "") || r.Module == "" && r.HasSeq || r.Data != nil {
				t.Fatalf("refused and half empty: %+v", r)
			}
			return
		}
		if !utf8.Valid(payload) {
			t.Fatal("bad UTF-8 passed")
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(payload, &members); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		var module, action string
		var seq uint32
		for text, v := range map[string]any{"Module": &module, "Action": &action, "Seq": &seq} {
			if raw, ok := members[text]; ok {
				if err := json.Unmarshal(raw, v); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
		}
		data := members["Data"]
		if string(data) == "null" {
			data = nil
		}
		if _, has := members["Seq"]; module != r.Module || action != r.Action || seq != r.Seq || has != r.HasSeq || string(data) != string(r.Data) {
			t.Fatalf("encoding/json reads it as %q %q %d %q, we as %+v", module, action, seq, data, r)
		}
		relay(t, &r)
	})
}

// relay sends r's Data on and expects to find every byte of it.
func relay(t *testing.T, r *codec.Request) {
	if r.Data != nil {
		if err := codec.ValidObject(r.Data); err != nil {
			t.Fatalf("Data of an accepted frame is refused: %v", err)
		}
	}
	reply, err := codec.AppendReply(nil, r, json.RawMessage(r.Data))
	if err != nil && r.Data != nil {
		t.Fatal(err)
	}
	texts := [][]byte{reply}
	if r.Data != nil {
		push, err := codec.NewRawPushType(r.Module, r.Action, "").With(r.Data).Frame()
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, push.Payload())
	}
	for _, text := range texts {
		// A frame may be one level deeper than what it carries.
		var out struct {
			Module, Action string
			Data           json.RawMessage
		}
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if out.Module != r.Module || out.Action != r.Action || !bytes.Equal(out.Data, r.Data) {
			t.Fatalf("%q became %q", r.Data, text)
		}
	}
}

// FuzzValidObject: what passes is JSON for encoding/json, of bounded depth, and
// can be read into an any by sonic and by encoding/json.
func FuzzValidObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,-2.5e-3,true,false,null,"\u00e9\ud83d\ude00"]}`, nested(20), `{"a":1,"a":{"b":2}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := codec.ValidObject(data); err != nil {
			return
		}
		if !utf8.Valid(data) {
			t.Fatal("bad UTF-8 passed")
		}
		var std map[string]any
		if err := json.Unmarshal(data, &std); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if d := depth(t, std); d > codec.MaxDepth {
			t.Fatalf("nested %d deep", d)
		}
		var v map[string]any
		if err := codec.DecodeData(data, &v); err != nil {
			t.Fatalf("sonic refuses it: %v", err)
		}
		if len(v) != len(std) {
			t.Fatalf("sonic reads %d members, encoding/json %d", len(v), len(std))
		}
	})
}

// depth counts the levels of v, and finds NULs in its strings.
func depth(t *testing.T, v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			deepest = max(deepest, depth(t, key), depth(t, x))
		}
	case []any:
		for _, x := range v {
			deepest = max(deepest, depth(t, x))
		}
	case string:
		if strings.Contains(v, "\x00") {
			t.Fatalf("a NUL passed in %q", v)
		}
		return 0
	default:
		return 0
	}
	return deepest + 1
}

// FuzzDecodeData reads anything into a struct of every kind of field: never a
// panic, and nothing but a 400 or values that are whole.
func FuzzDecodeData(f *testing.F) {
	for _, s := range []string{`{"name":"a","age":5,"tags":["x"],"home":{"zip":1}}`, `{"age":128}`, `{"raw":{},"any":[1,"x"],"kind":"bad"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v sample
		if err := codec.DecodeData(data, &v); err != nil {
			if e := codec.AsError(err); e.Code != codec.CodeMalformed {
				t.Fatalf("answered with %+v", e)
			}
			return
		}
		if !utf8.ValidString(v.Name) || len(v.Raw) > 0 && !json.Valid(v.Raw) {
			t.Fatalf("got %+v", v)
		}
	})
}
