package api

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/bytedance/sonic"
	"github.com/valyala/fasthttp"

	"pushd/internal/codec"
)

// strict is how codec.DecodeData decodes, except that it stops at unknown keys: a
// backend's typo should not be a push to nobody.
var strict = sonic.Config{
	CopyString: true, CaseSensitive: true, UseNumber: true, ValidateString: true, DisallowUnknownFields: true,
}.Froze()

// decodeBody reads the JSON body into v. 415 for another Content-Type, 400 for
// what breaks the rules of package codec, and for keys that v doesn't have.
func decodeBody(r *request, v any) error {
	if err := jsonOnly(&r.http.Request.Header); err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return codec.Errorf(codec.CodeMalformed, "the body is empty; a JSON object is expected")
	}
	if err := codec.ValidObject(body); err != nil {
		return err
	}
	if strict.Unmarshal(body, v) == nil {
		return nil
	}
	// Something is wrong. It may take a second decoding to find out what.
	reflect.ValueOf(v).Elem().SetZero()
	if err := codec.DecodeData(body, v); err != nil {
		return err
	}
	if path, near, ok := unknownKey(body, reflect.TypeOf(v).Elem(), ""); ok {
		return unknown("key", path, near)
	}
	return nil // strict refuses what codec accepts: codec is the rule
}

// readBody reads the body as it comes, up to maxBody.
func readBody(r *request) ([]byte, error) {
	stream := r.http.RequestBodyStream()
	if stream == nil {
		return nil, nil
	}
	declared := r.http.Request.Header.ContentLength() // -1 when chunked
	if declared > maxBody {
		return nil, readError(fasthttp.ErrBodyTooLarge)
	}
	var body bytes.Buffer
	body.Grow(min(max(declared, 0), 8<<10) + bytes.MinRead)
	if _, err := body.ReadFrom(io.LimitReader(stream, maxBody+1)); err != nil {
		return nil, readError(err)
	}
	if body.Len() > maxBody {
		return nil, readError(fasthttp.ErrBodyTooLarge)
	}
	if declared >= 0 && body.Len() < declared || declared < 0 && cutShort(r.http.Conn()) {
		return nil, readError(io.ErrUnexpectedEOF)
	}
	r.drained = true
	return body.Bytes(), nil
}

func jsonOnly(h *fasthttp.RequestHeader) error {
	kind, params, err := mime.ParseMediaType(string(h.ContentType()))
	charset := params["charset"]
	if err != nil || kind != typeJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupported("send the body with Content-Type: application/json")
	}
	if e := h.ContentEncoding(); len(e) > 0 && string(e) != "identity" {
		return unsupported("send the body without Content-Encoding")
	}
	return nil
}

func unsupported(text string) error {
	return &statusError{fasthttp.StatusUnsupportedMediaType, codec.Errorf(codec.CodeMalformed, "%s", text)}
}

func unknown(kind, name, near string) error {
	if near != "" {
		return codec.Errorf(codec.CodeMalformed, "unknown %s %.128q; did you mean %q?", kind, name, near)
	}
	return codec.Errorf(codec.CodeMalformed, "unknown %s %.128q", kind, name)
}

// unknownKey finds the first key of raw, which is valid, that t has no field
// for, and the known key that is most like it.
func unknownKey(raw []byte, t reflect.Type, path string) (found, near string, ok bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
	case t.Kind() == reflect.Struct:
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return "", "", false
		}
		known := jsonKeys(t)
		for _, key := range slices.Sorted(maps.Keys(object)) {
			field, has := known[key]
			if !has {
				return path + key, nearest(key, slices.Sorted(maps.Keys(known))), true
			}
			if found, near, ok := unknownKey(object[key], field, path+key+"."); ok {
				return found, near, true
			}
		}
	case t.Kind() == reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return "", "", false
		}
		for i, item := range items {
			at := strings.TrimSuffix(path, ".") + "[" + strconv.Itoa(i) + "]."
			if found, near, ok := unknownKey(item, t.Elem(), at); ok {
				return found, near, true
			}
		}
	}
	return "", "", false
}

// jsonKeys are the JSON keys of a struct, with those of embedded structs.
func jsonKeys(t reflect.Type) map[string]reflect.Type {
	known := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			known[name] = f.Type
		}
	}
	return known
}

// nearest is the known name that the fewest edits lead to, "" when even that
// is far off.
func nearest(name string, known []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, k := range known {
		// The name is the client's and may be of any length.
		if max(len(name)-len(k), len(k)-len(name)) >= least {
			continue
		}
		if d := levenshtein.ComputeDistance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// query reads the parameters of a list. 400 for one that isn't among known or
// comes twice.
func query(r *request, known ...string) (map[string]string, error) {
	values := map[string]string{}
	for k, v := range r.http.QueryArgs().All() {
		key := string(k)
		if !slices.Contains(known, key) {
			return nil, unknown("parameter", key, nearest(key, known))
		}
		if _, twice := values[key]; twice {
			return nil, codec.Errorf(codec.CodeMalformed, "parameter %s comes twice", key)
		}
		if !isText(string(v)) {
			return nil, codec.Errorf(codec.CodeMalformed, "parameter %s must be UTF-8 without NUL", key)
		}
		values[key] = string(v)
	}
	return values, nil
}
