package protocol_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"pushd/bench/internal/protocol"
)

func unmask(t *testing.T, frame []byte) []byte {
	t.Helper()
	r := bytes.NewReader(frame)
	h, err := ws.ReadHeader(r)
	if err != nil || int(h.Length) != r.Len() {
		t.Fatalf("%+v, %v", h, err)
	}
	payload := bytes.Clone(frame[len(frame)-r.Len():])
	ws.Cipher(payload, h.Mask, 0)
	return payload
}

func TestNumberedFramesSayTheirNumber(t *testing.T) {
	echo, err := protocol.NewEcho(64)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []uint32{0, 1, 9, 10, 123_456, protocol.MaxSeq - 1} {
		payload := unmask(t, protocol.NewPing(0).With(i))
		var e protocol.Envelope
		if err := protocol.Scan(payload, &e); err != nil || e.Seq != protocol.FirstSeq+i || !e.Is("robot", "Ping") {
			t.Errorf("%d: %s: %+v, %v", i, payload, e, err)
		}
		payload = unmask(t, echo.With(i))
		if len(payload) != 64 || !echo.Is(payload, i) || echo.Is(payload, i^1) || echo.Is(payload[1:], i) {
			t.Errorf("%d: echo %q is not recognised", i, payload)
		}
	}
	for _, size := range []int{-1, 9, 1 << 20} {
		if _, err := protocol.NewEcho(size); err == nil {
			t.Errorf("payload of %d bytes is taken", size)
		}
	}
}

func TestRequestsAreTheProtocols(t *testing.T) {
	login, err := protocol.Login(`a"b`, "web", "")
	if err != nil {
		t.Fatal(err)
	}
	subscribe, err := protocol.Subscribe("news")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		frame []byte
		want  string
	}{
		{login, `{"Module":"robot","Action":"Login","Data":{"UserId":"a\"b","PlatId":"web"}}`},
		{subscribe, `{"Module":"topic","Action":"Subscribe","Data":{"topic":"news"}}`},
		{protocol.HeartBeat(), `{"Module":"robot","Action":"HeartBeat"}`},
	} {
		if got := unmask(t, c.frame); string(got) != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestScanFindsKeysInAnyOrder(t *testing.T) {
	var e protocol.Envelope
	for _, text := range []string{
		`{"Module":"robot","Action":"Ping","Seq":7,"Code":0,"Data":{"time":1,"a":["}",{}]}}`,
		` { "Data" : {"time":1,"a":["}",{}]} , "Code":0 ,"Seq": 7, "x":[1,{"y":"\"]"}],"Action":"Ping","Module":"robot" } `,
	} {
		err := protocol.Scan([]byte(text), &e)
		if err != nil || !e.Is("robot", "Ping") || e.Seq != 7 || !e.HasSeq || e.Code != 0 || !e.HasCode ||
			string(e.Data) != `{"time":1,"a":["}",{}]}` {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
	if err := protocol.Scan([]byte(`{"Module":"push","Action":"Message","Data":{}}`), &e); err != nil || e.HasCode || e.HasSeq {
		t.Errorf("push: %+v, %v", e, err)
	}
	if err := protocol.Scan([]byte(`{"Module":"a","Action":"b","Code":403,"Msg":"not \"you\""}`), &e); err != nil ||
		e.Code != 403 || e.Text() != `not "you"` {
		t.Errorf("error: %+v, %v", e, err)
	}
}

func TestScanRefusesWhatIsNoEnvelope(t *testing.T) {
	whole := `{"Module":"robot","Action":"Ping","Seq":7,"Code":0,"Data":{"a":["x\"y"]}}`
	var e protocol.Envelope
	for i := range whole {
		if err := protocol.Scan([]byte(whole[:i]), &e); err == nil {
			t.Errorf("%q is taken", whole[:i])
		}
	}
	for _, bad := range []string{
		`{}`, `[]`, `{"Module":"a"}`, whole + "x", `{"Module":"a","Action":"b","Seq":-1}`,
		`{"Module":"a","Action":"b","Code":"0"}`, `{"Module" "a"}`, `{"Module":"a" "Action":"b"}`, `{"a":}`,
	} {
		if err := protocol.Scan([]byte(bad), &e); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"Module":"robot","Action":"Ping","Seq":7,"Code":0,"Data":{"a":["x\"y"]}}`))
	f.Add([]byte(`{"a":"\`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e protocol.Envelope
		err := protocol.Scan(b, &e)
		// Whatever JSON calls an envelope with plain keys must be found. What is no UTF-8 the
		// server never sends, and the library replaces it.
		var want struct{ Module, Action string }
		if utf8.Valid(b) && json.Valid(b) && err == nil && json.Unmarshal(b, &want) == nil && !bytes.ContainsRune(b, '\\') &&
			bytes.Count(b, []byte("odule")) == 1 && want.Module != "" && fmt.Sprint(want.Module) != string(e.Module) {
			t.Fatalf("%q: %q", b, e.Module)
		}
	})
}

func TestNumberIsFoundWhereverTheServerPutIt(t *testing.T) {
	for text, want := range map[string]int64{
		`{"Data":{"bench_round":12,"x":1}}`:   12,
		`{"Data":{"x":1,"bench_round" : 7}}`:  7,
		`bench_round:3 xxxx`:                  3,
		`{"Data":{"bench_round":"nonsense"}}`: -1,
		`{"Data":{}}`:                         -1,
	} {
		got, ok := protocol.Number([]byte(text), "bench_round")
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%s: %d, %v", text, got, ok)
		}
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	b := []byte(`{"Module":"robot","Action":"Ping","Seq":1000000007,"Code":0,"Data":{"time":1}}`)
	var e protocol.Envelope
	if n := testing.AllocsPerRun(100, func() { _ = protocol.Scan(b, &e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
