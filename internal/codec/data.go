package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/decoder"
	"github.com/bytedance/sonic/encoder"
)

// decoding is sonic with strict options: keys match exactly, and numbers in an any
// keep their digits, as json.Number. Strings are copied, so that a user id that is
// stored does not keep the text of a whole login in memory.
var decoding = sonic.Config{CopyString: true, CaseSensitive: true, UseNumber: true, ValidateString: true}.Froze()

// ValidObject checks that data is one JSON object under the rules of the
// package, fit to be relayed as it is. The error is a *Error with code 400.
func ValidObject(data []byte) error {
	s := scanner{b: data}
	if !s.validUTF8() {
		return s.err()
	}
	if s.skipSpace() != '{' {
		s.fail("not a JSON object")
		return s.err()
	}
	if !s.skip(0) || !s.end() {
		return s.err()
	}
	return nil
}

// DecodeData reads a request's Data, or the body of an HTTP request, into the
// struct that v points to. Absent data (nil, empty or null) leaves v as it is.
// Nothing in v points into data afterwards. The error is a *Error with code 400
// that names the field where one is to blame; v may then be partly filled.
func DecodeData(data []byte, v any) error {
	if len(data) == 0 || string(data) == "null" {
		return nil
	}
	if err := ValidObject(data); err != nil {
		return err
	}
	// Unmarshal copies data first. UnmarshalFromString would save that, but a
	// json.Number in an any points into the text even with CopyString.
	if err := decoding.Unmarshal(data, v); err != nil {
		return mismatchError(data, v, err)
	}
	return nil
}

// Prepare compiles the decoder of request and the encoder of reply, which
// otherwise happens at their first use and then takes milliseconds: too long for
// an event loop. Either may be nil.
func Prepare(request, reply reflect.Type) error {
	if request != nil {
		if err := decoder.Pretouch(request); err != nil {
			return fmt.Errorf("prepare decoder of %v: %w", request, err)
		}
	}
	if reply != nil {
		if err := encoder.Pretouch(reply); err != nil {
			return fmt.Errorf("prepare encoder of %v: %w", reply, err)
		}
	}
	return nil
}

// mismatchError explains why valid JSON does not fit v. sonic tells the place as an
// offset into the text; encoding/json tells it as a path, so the refused request, and
// only that, is decoded again.
func mismatchError(data []byte, v any, err error) *Error {
	e := Errorf(CodeMalformed, "Data does not fit this action")
	e.Cause = err
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		e.Code, e.Msg = CodeInternal, "internal error"
		return e
	}
	second := json.Unmarshal(data, reflect.New(t.Elem()).Interface())
	// The field's own UnmarshalJSON may say what is wrong.
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	if own, ok := errors.AsType[*Error](second); ok {
		return own
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](second); ok && mismatch.Field != "" {
		e.Msg = mismatch.Field + " must be " + describe(mismatch.Type)
	}
	return e
}

// describe names what a Go type takes, in the words of JSON.
func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "an integer that fits " + strconv.Itoa(t.Bits()) + " bits"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a non-negative integer that fits " + strconv.Itoa(t.Bits()) + " bits"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return describe(t.Elem())
	}
	return "of another type"
}
