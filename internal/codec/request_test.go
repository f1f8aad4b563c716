package codec_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pushd/internal/codec"
)

func nested(depth int) string {
	return strings.Repeat(`{"a":`, depth-1) + `{}` + strings.Repeat(`}`, depth-1)
}

// envelope is a frame whose Data has one member with the JSON text x.
func envelope(x string) string { return `{"Module":"m","Action":"a","Data":{"x":` + x + `}}` }

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     codec.Request
	}{
		{"heartbeat", heartBeatText, codec.Request{Module: "robot", Action: "HeartBeat"}},
		{"seq", `{"Seq":7,"Action":"a","Module":"m"}`, codec.Request{Module: "m", Action: "a", Seq: 7, HasSeq: true}},
		{"seq zero", `{"Module":"m","Action":"a","Seq":0}`, codec.Request{Module: "m", Action: "a", HasSeq: true}},
		{
			"seq largest", `{"Module":"m","Action":"a","Seq":4294967295}`,
			codec.Request{Module: "m", Action: "a", Seq: 4294967295, HasSeq: true},
		},
		{
			"data", `{"Module":"m","Action":"a","Data": {"a":[1,{"b":null}],"c":"}"} }`,
			codec.Request{Module: "m", Action: "a", Data: []byte(`{"a":[1,{"b":null}],"c":"}"}`)},
		},
		{
			"data empty", `{"Module":"m","Action":"a","Data":{ }}`,
			codec.Request{Module: "m", Action: "a", Data: []byte(`{ }`)},
		},
		{"data null is absent", `{"Module":"m","Action":"a","Data":null}`, codec.Request{Module: "m", Action: "a"}},
		{
			"white space", " \t\r\n{ \"Module\" : \"m\" , \"Action\" : \"a\" , \"Seq\" : 1 } \r\n",
			codec.Request{Module: "m", Action: "a", Seq: 1, HasSeq: true},
		},
		{
			"unknown keys", `{"v":[[],{},[{}],"",-0.5e-3,true,false,null],"Module":"m","Action":"a","x":{"Module":"y"}}`,
			codec.Request{Module: "m", Action: "a"},
		},
		{
			"other case is another key", `{"module":"x","Module":"m","ACTION":1,"Action":"a"}`,
			codec.Request{Module: "m", Action: "a"},
		},
		{
			"duplicate keys, last wins", `{"Module":"x","Action":"a","Seq":1,"Data":{"x":1},"Module":"m","Seq":2,"Data":{"y":2}}`,
			codec.Request{Module: "m", Action: "a", Seq: 2, HasSeq: true, Data: []byte(`{"y":2}`)},
		},
		{
			"duplicate data, last null", `{"Module":"m","Action":"a","Data":{"x":1},"Data":null}`,
			codec.Request{Module: "m", Action: "a"},
		},
		{
			"escapes", `{"M\u006fdule":"\u6d88\n\"\\\/\b\f\r\t","Action":"\ud83d\ude00!"}`,
			codec.Request{Module: "消\n\"\\/\b\f\r\t", Action: "😀!"},
		},
		{"utf-8", `{"Module":"消息","Action":"😀"}`, codec.Request{Module: "消息", Action: "😀"}},
		{
			"large numbers keep their digits", envelope(`[9007199254740993,123456789012345678901234567890,1.10,1e308,-0]`),
			codec.Request{Module: "m", Action: "a", Data: []byte(`{"x":[9007199254740993,123456789012345678901234567890,1.10,1e308,-0]}`)},
		},
		{
			"deepest", `{"Module":"m","Action":"a","Data":` + nested(codec.MaxDepth-1) + `}`,
			codec.Request{Module: "m", Action: "a", Data: []byte(nested(codec.MaxDepth - 1))},
		},
		{
			"longest number", envelope(strings.Repeat("9", codec.MaxNumber)),
			codec.Request{Module: "m", Action: "a", Data: []byte(`{"x":` + strings.Repeat("9", codec.MaxNumber) + `}`)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := codec.Request{Module: "left over", Seq: 9, HasSeq: true, Data: []byte("{}")}
			if err := codec.Decode([]byte(tt.in), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	cases := []struct{ name, in, msg string }{
		{"nothing", ``, "not a JSON object"},
		{"text", `hello`, "not a JSON object"},
		{"byte order mark", "\ufeff" + heartBeatText, "not a JSON object"},
		{"array", `[]`, "not a JSON object"},
		{"string", `"Module"`, "not a JSON object"},
		{"null", `null`, "not a JSON object"},
		{"empty object", `{}`, "Module is missing"},
		{"no action", `{"Module":"m"}`, "Action is missing"},
		{"module empty", `{"Module":"","Action":"a"}`, "Module is missing"},
		{"module number", `{"Module":1,"Action":"a"}`, "Module must be a string"},
		{"action null", `{"Module":"m","Action":null}`, "Action must be a string"},
		{"first duplicate wrong too", `{"Module":1,"Module":"m","Action":"a"}`, "Module must be a string"},
		{"data array", `{"Module":"m","Action":"a","Data":[]}`, "Data must be an object"},
		{"data string", `{"Module":"m","Action":"a","Data":"{}"}`, "Data must be an object"},
		{"data almost null", `{"Module":"m","Action":"a","Data":nil}`, "not a JSON value"},
		{"seq null", `{"Module":"m","Action":"a","Seq":null}`, "Seq must be"},
		{"trailing bytes", heartBeatText + `x`, "trailing bytes"},
		{"trailing object", heartBeatText + `{}`, "trailing bytes"},
		{"trailing NUL", heartBeatText + "\x00", "trailing bytes"},
		{"trailing comma", `{"Module":"m","Action":"a",}`, "key is missing"},
		{"leading comma", `{,"Module":"m","Action":"a"}`, "key is missing"},
		{"no comma", `{"Module":"m" "Action":"a"}`, "comma"},
		{"no colon", `{"Module" "m"}`, "colon"},
		{"no end", `{"Module":"m","Action":"a"`, "comma or the closing bracket"},
		{"key without quotes", `{Module:"m"}`, "key is missing"},
		{"single quotes", `{'Module':'m'}`, "key is missing"},
		{"comment", `{"Module":"m",/**/"Action":"a"}`, "key is missing"},
		{"bad utf-8", "{\"Module\":\"m\xff\",\"Action\":\"a\"}", "bad UTF-8 at byte 12"},
		{"bad utf-8 in data", "{\"Module\":\"m\",\"Action\":\"a\",\"Data\":{\"x\":\"\xed\xa0\x80\"}}", "bad UTF-8"},
		{"nested too deeply", `{"Module":"m","Action":"a","Data":` + nested(codec.MaxDepth) + `}`, "nested too deeply"},
		{"arrays nested too deeply", `{"x":` + strings.Repeat("[", 60000), "nested too deeply"},
		{"unknown keys nested too deeply", `{"x":` + nested(5000) + `,"Module":"m","Action":"a"}`, "nested too deeply"},
	}
	for _, seq := range []string{`-1`, `-0`, `4294967296`, `99999999999999999999999`, `1.0`, `1e0`, `1E2`, `"7"`, `true`, `{}`} {
		cases = append(cases, struct{ name, in, msg string }{
			"seq " + seq,
			`{"Module":"m","Action":"a","Seq":` + seq + `}`, "Seq must be an unsigned 32-bit integer",
		})
	}
	for _, seq := range []string{`01`, `00`, `+1`, `.5`} { // no JSON at all
		cases = append(cases, struct{ name, in, msg string }{"seq " + seq, `{"Module":"m","Action":"a","Seq":` + seq + `}`, "at byte 3"})
	}
	for value, msg := range map[string]string{
		"\"\x00\"":                             "control character",
		"\"\x1f\"":                             "control character",
		"\"a\nb\"":                             "control character",
		`"\u0000"`:                             `\u0000 is not accepted`,
		`"\ud800"`:                             "surrogate",
		`"\ud800x"`:                            "surrogate",
		`"\ud83d\n"`:                           "surrogate",
		`"\udc00"`:                             "surrogate",
		`"\ude00\ud83d"`:                       "surrogate",
		`"\ud83d\ud83d"`:                       "surrogate",
		`"\u12g4"`:                             "hexadecimal",
		`"\u12`:                                "hexadecimal",
		`"\x41"`:                               "unknown escape",
		`"\`:                                   "unknown escape",
		`"abc`:                                 "does not end",
		`{"\u0000":1}`:                         `\u0000 is not accepted`,
		`{1:2}`:                                "key is missing",
		`{"a":}`:                               "not a JSON value",
		`{"a"}`:                                "colon",
		`[1,]`:                                 "not a JSON value",
		`[1 2]`:                                "comma or the closing bracket",
		`[1}`:                                  "comma or the closing bracket",
		`{"a":1]`:                              "comma or the closing bracket",
		`[}`:                                   "not a JSON value",
		`{]`:                                   "key is missing",
		`01`:                                   "comma or the closing bracket",
		`-`:                                    "digit is missing",
		`-a`:                                   "digit is missing",
		`1.`:                                   "digit is missing",
		`.5`:                                   "not a JSON value",
		`+1`:                                   "not a JSON value",
		`1e`:                                   "digit is missing",
		`1e+`:                                  "digit is missing",
		`0x10`:                                 "comma or the closing bracket",
		`NaN`:                                  "not a JSON value",
		`Infinity`:                             "not a JSON value",
		`tru`:                                  "not a JSON value",
		`nulL`:                                 "not a JSON value",
		`1e309`:                                "out of range",
		`-1e99999`:                             "out of range",
		strings.Repeat("1", codec.MaxNumber+1): "too many digits",
		`0.` + strings.Repeat("0", 60000):      "too many digits",
	} {
		cases = append(cases, struct{ name, in, msg string }{"value " + cut(value), envelope(value), msg})
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			r := codec.Request{Module: "left over", Seq: 3, HasSeq: true}
			err := codec.Decode([]byte(tt.in), &r)
			var e *codec.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an Error", err)
			}
			if e.Code != codec.CodeMalformed || e.Temporary || !strings.Contains(e.Msg, tt.msg) {
				t.Errorf("got %+v, want 400 with %q", e, tt.msg)
			}
			if strings.HasPrefix(tt.msg, "Seq must") || strings.HasPrefix(tt.msg, "Data must") {
				if r.Module != "m" || r.Action != "a" || r.HasSeq || r.Seq != 0 || r.Data != nil {
					t.Errorf("the request doesn't say whose reply this is: %+v", r)
				}
				return
			}
			if r.Module != "" || r.Action != "" || r.HasSeq || r.Seq != 0 || r.Data != nil {
				t.Errorf("the request is not empty: %+v", r)
			}
		})
	}
}

func cut(s string) string {
	if len(s) > 24 {
		return s[:24]
	}
	return s
}

// TestDecodeEveryPrefix cuts a frame at every byte: none of the parts is a
// request, and none makes the scanner read past the end.
func TestDecodeEveryPrefix(t *testing.T) {
	whole := `{"Module":"m\u00e9","Action":"😀","Seq":12,"Data":{"a":[1.5e3,-2,true,false,null,"\ud83d\ude00"],"b":{}}}`
	var r codec.Request
	for n := range len(whole) {
		if codec.Decode([]byte(whole[:n]), &r) == nil {
			t.Errorf("accepted %q", whole[:n])
		}
	}
	if err := codec.Decode([]byte(whole), &r); err != nil {
		t.Error(err)
	}
}

// TestDecodeStringLengths puts what ends a run of plain bytes at every distance
// from the start, since runs are looked at in eights.
func TestDecodeStringLengths(t *testing.T) {
	for n := range 40 {
		text := strings.Repeat("é", n/2) + strings.Repeat("x", n-n/2)
		var r codec.Request
		if err := codec.Decode([]byte(`{"Module":"`+text+`y","Action":"`+text+`\n`+text+`\t"}`), &r); err != nil {
			t.Fatal(err)
		}
		if r.Module != text+"y" || r.Action != text+"\n"+text+"\t" {
			t.Fatalf("%d: got %+v", n, r)
		}
		if err := codec.Decode([]byte(envelope(`"`+text+"\x01"+text+`"`)), &r); err == nil {
			t.Fatalf("%d: a control character passed", n)
		}
	}
}

func TestDecodeAliasesAndClone(t *testing.T) {
	payload := []byte(`{"Module":"robot","Action":"Login","Data":{"a":1}}`)
	var r codec.Request
	if err := codec.Decode(payload, &r); err != nil {
		t.Fatal(err)
	}
	if cap(r.Data) != len(r.Data) {
		t.Error("an append to Data would write into the payload")
	}
	c := r.Clone()
	clear(payload)
	if c.Module != "robot" || c.Action != "Login" || string(c.Data) != `{"a":1}` {
		t.Errorf("the clone changed with the payload: %+v", c)
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	var r codec.Request
	for _, in := range []string{heartBeatText, loginText, bigText(), envelope(`[1e5,"\n",{}]`)} {
		payload := []byte(in)
		if n := testing.AllocsPerRun(100, func() {
			if err := codec.Decode(payload, &r); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", cut(in), n)
		}
	}
}
