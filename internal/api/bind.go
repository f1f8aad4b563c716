package api

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"pushd/internal/codec"
)

// bind reads a request into the struct that a service method takes, by JSON keys:
// the parameters of the path, and beside them the query of a GET or DELETE, or the
// JSON body of the others, which may be absent where the path has parameters. A body
// can't give again what the path gives.
func bind[Req any](r *request, v *Req) error {
	names := paramNames(r.route.path)
	fields := jsonKeys(reflect.TypeFor[Req]())
	for _, name := range names {
		if _, ok := fields[name]; !ok {
			panic("api: " + r.route.path + " has a parameter that " + reflect.TypeFor[Req]().String() + " doesn't know: " + name)
		}
	}
	if m := r.route.method; m == "GET" || m == "DELETE" {
		var known []string
		for key := range fields {
			if !slices.Contains(names, key) {
				known = append(known, key)
			}
		}
		slices.Sort(known)
		values, err := query(r, known...)
		if err != nil {
			return err
		}
		for key, text := range values {
			if err := setField(v, key, text); err != nil {
				return err
			}
		}
	} else {
		if len(names) == 0 || r.http.Request.Header.ContentLength() != 0 {
			if err := decodeBody(r, v); err != nil {
				return err
			}
		}
		if _, err := query(r); err != nil {
			return err
		}
		for _, name := range names {
			if !fieldOf(v, name).IsZero() {
				return codec.Errorf(codec.CodeMalformed, "%s is in the path; leave it out of the body", name)
			}
		}
	}
	for i, name := range names {
		if err := setField(v, name, r.params[i]); err != nil {
			return err
		}
	}
	return nil
}

func paramNames(path string) (names []string) {
	for segment := range strings.SplitSeq(path, "/") {
		if isParam(segment) {
			names = append(names, strings.Trim(segment, "{}"))
		}
	}
	return names
}

// fieldOf finds the field of *v with a JSON key.
func fieldOf(v any, key string) reflect.Value {
	s := reflect.ValueOf(v).Elem()
	for _, f := range reflect.VisibleFields(s.Type()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name == key {
			return s.FieldByIndex(f.Index)
		}
	}
	panic("api: no field " + key + " in " + s.Type().String())
}

// setField reads text into the field: a string, a number, a boolean, or strings
// separated by commas.
func setField(v any, key, text string) error {
	f := fieldOf(v, key)
	if f.Kind() == reflect.Pointer {
		f.Set(reflect.New(f.Type().Elem()))
		f = f.Elem()
	}
	var err error
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
	case reflect.Int, reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(text, 10, f.Type().Bits()); err == nil {
			f.SetInt(n)
		}
	case reflect.Uint64, reflect.Uint32:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, f.Type().Bits()); err == nil {
			f.SetUint(n)
		}
	case reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(text); err == nil {
			f.SetBool(b)
		}
	case reflect.Slice:
		f.Set(reflect.ValueOf(strings.Split(text, ",")).Convert(f.Type()))
	default:
		panic("api: " + key + " can't come in a path or a query")
	}
	if err != nil {
		return codec.Errorf(codec.CodeMalformed, "%s must be %s, not %.32q", key, kindName(f.Kind()), text)
	}
	return nil
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Uint64, reflect.Uint32:
		return "a number that is not negative"
	default:
		return "an integer"
	}
}
