package codec

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/bytedance/sonic/encoder"
)

// encoding makes sonic repair strings that are not UTF-8. What a MarshalJSON
// method or a json.RawMessage gives is checked to be JSON and kept as it is.
const encoding = encoder.ValidateString

const (
	heartBeat     = `{"Module":"robot","Action":"HeartBeat","Code":0}`
	heartBeatHead = `{"Module":"robot","Action":"HeartBeat"`
	pingHead      = `{"Module":"robot","Action":"Ping"`
	errorHead     = `{"Module":"robot","Action":"Error"`
)

// AppendReply appends the payload of the successful reply to r, without a frame
// header. A nil data, or one that encodes to null, gives no Data key. It returns
// dst unchanged and an error when data can't be encoded as a JSON object, which
// is a fault of the handler.
func AppendReply(dst []byte, r *Request, data any) ([]byte, error) {
	out := appendHead(dst, r)
	out = append(out, `,"Code":0`...)
	out, err := appendData(out, data)
	if err != nil {
		return dst, fmt.Errorf("encode reply of %s.%s: %w", r.Module, r.Action, err)
	}
	return append(out, '}'), nil
}

// AppendError appends the payload that answers r with AsError(err). When r is
// nil or empty, which is what Decode leaves of a frame it refused, that is the
// robot/Error envelope. Temporary appears when true; RetryAfter, in
// milliseconds and rounded up, when known.
func AppendError(dst []byte, r *Request, err error) []byte {
	e := AsError(err)
	if e == nil {
		e = Errorf(CodeInternal, "internal error")
	}
	if r == nil || r.Module == "" {
		dst = append(dst, errorHead...)
	} else {
		dst = appendHead(dst, r)
	}
	dst = append(dst, `,"Code":`...)
	dst = strconv.AppendInt(dst, int64(e.Code), 10)
	dst = append(dst, `,"Msg":`...)
	dst = appendString(dst, e.Msg)
	if e.Temporary {
		dst = append(dst, `,"Temporary":true`...)
	}
	if e.RetryAfter > 0 {
		dst = append(dst, `,"RetryAfter":`...)
		dst = strconv.AppendInt(dst, int64((e.RetryAfter+time.Millisecond-1)/time.Millisecond), 10)
	}
	return append(dst, '}')
}

// AppendHeartBeat appends the payload that answers a heartbeat. Without Seq it
// is a constant. r may be nil.
func AppendHeartBeat(dst []byte, r *Request) []byte {
	if r == nil || !r.HasSeq {
		return append(dst, heartBeat...)
	}
	dst = append(dst, heartBeatHead...)
	dst = appendSeq(dst, r)
	return append(dst, `,"Code":0}`...)
}

// AppendPing appends the payload that answers a Ping with the server's time in
// Unix milliseconds. r may be nil.
func AppendPing(dst []byte, r *Request, nowMillis int64) []byte {
	dst = append(dst, pingHead...)
	dst = appendSeq(dst, r)
	dst = append(dst, `,"Code":0,"Data":{"time":`...)
	dst = strconv.AppendInt(dst, nowMillis, 10)
	return append(dst, `}}`...)
}

// appendHead opens the envelope of a reply.
func appendHead(dst []byte, r *Request) []byte {
	return appendSeq(appendName(dst, r.Module, r.Action), r)
}

func appendName(dst []byte, module, action string) []byte {
	dst = append(dst, `{"Module":`...)
	dst = appendString(dst, module)
	dst = append(dst, `,"Action":`...)
	return appendString(dst, action)
}

func appendSeq(dst []byte, r *Request) []byte {
	if r == nil || !r.HasSeq {
		return dst
	}
	dst = append(dst, `,"Seq":`...)
	return strconv.AppendUint(dst, uint64(r.Seq), 10)
}

// appendData appends a Data key, or nothing when there is no data.
func appendData(dst []byte, data any) ([]byte, error) {
	if data == nil {
		return dst, nil
	}
	out := append(dst, `,"Data":`...)
	start := len(out)
	if err := encoder.EncodeInto(&out, data, encoding); err != nil {
		return dst, err
	}
	switch text := out[start:]; {
	case string(text) == "null":
		return dst, nil
	case len(text) == 0 || text[0] != '{':
		return dst, fmt.Errorf("%T is not a JSON object", data)
	}
	return out, nil
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0 // of what is not yet copied
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c == '"' || c == '\\' {
			dst = append(append(dst, s[start:i]...), '\\', c)
			start = i + 1
		} else if c < 0x20 {
			dst = append(append(dst, s[start:i]...), '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			start = i + 1
		}
		i++
	}
	return append(append(dst, s[start:]...), '"')
}
